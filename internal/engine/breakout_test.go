package engine_test

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"minilab/internal/engine"
	"minilab/internal/engine/enginetest"
	"minilab/internal/fault"
	"minilab/internal/pipeline"
)

// Here images take real engine processes over, behind the walls that the pool
// has them raise, and try everything that is worth trying from there.

// patience is how long a test waits for what must happen.
const patience = time.Minute

// exploited is a pool of real processes that images can take over.
func exploited(tb testing.TB, processes int, change func(*engine.Limits)) (*engine.Pool, enginetest.Exploit) {
	tb.Helper()
	l := engine.DefaultLimits()
	if change != nil {
		change(&l)
	}
	e := enginetest.NewExploit(tb)
	return enginetest.Pool(tb, engine.Config{Path: e.Path, Processes: processes, Limits: l}), e
}

// order has the pool alter an image that gives an order. The image must come
// out as any other.
func order(tb testing.TB, pool *engine.Pool, owner, command string, sibling int) error {
	tb.Helper()
	return orderSecret(tb, pool, owner, command, sibling, "")
}

func orderSecret(tb testing.TB, pool *engine.Pool, owner, command string, sibling int, secret string) error {
	tb.Helper()
	m := picture(60, 40)
	input := enginetest.Input(tb, enginetest.Ordering(encoded(tb, png.Encode, m), command, sibling, secret))
	defer input.Close()
	result, err := pool.Run(tb.Context(), engine.Job{Owner: owner, Outputs: []pipeline.Pipeline{pipeline.Default()}, Input: input})
	if err != nil {
		return err
	}
	defer result.Close()
	data, err := io.ReadAll(result.Outputs[0].Reader())
	if err != nil {
		return err
	}
	back, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return err
	}
	r, _, b, _ := back.At(33, 21).RGBA()
	if want := m.NRGBAAt(33, 21); uint8(r) != want.B || uint8(b) != want.R {
		return errors.New("the picture came out wrong")
	}
	return nil
}

// engineOf is the process that does an owner's next image.
func engineOf(tb testing.TB, pool *engine.Pool, e enginetest.Exploit, owner string) int {
	tb.Helper()
	if err := order(tb, pool, owner, "remember", 0); err != nil {
		tb.Fatal(err)
	}
	all := e.Attempts(tb)
	return all[len(all)-1].PID
}

// needRoot are the attempts that the kernel grants only root, walls or not.
var needRoot = []string{"mount", "thread-in-a-namespace", "bpf", "perf", "userfault", "io-uring", "trace-parent", "trace-sibling",
	"copy-parents-memory", "copy-siblings-memory", "write-siblings-memory", "read-parents-memory", "read-siblings-memory", "locks-of-parent"}

// alwaysSealed is what no process can do, walls or not: the worker has sealed
// the input.
const alwaysSealed = "change-the-input"

func TestNothingGetsThroughTheWalls(t *testing.T) {
	pool, e := exploited(t, 2, nil)
	sibling, taken := engineOf(t, pool, e, "bob"), engineOf(t, pool, e, "alice")
	if sibling == taken {
		t.Fatal("two owners share a process")
	}
	before := len(e.Attempts(t))
	if err := order(t, pool, "alice", "attempt", sibling); err != nil {
		t.Errorf("the image itself: %v", err)
	}
	var tried []string
	for _, a := range e.Attempts(t)[before:] {
		tried = append(tried, a.Name)
		if a.Outcome == enginetest.Through {
			t.Errorf("%s gets through", a.Name)
		}
		if a.PID != taken {
			t.Errorf("process %d tries, not %d", a.PID, taken)
		}
	}
	if now := engineOf(t, pool, e, "bob"); now != sibling {
		t.Errorf("the other process was %d and is %d", sibling, now)
	}
	if now := engineOf(t, pool, e, "alice"); now != taken {
		t.Errorf("the process that was taken over was %d and is %d", taken, now)
	}
	var control []string
	for _, a := range enginetest.WithoutWalls(t, sibling) {
		control = append(control, a.Name)
		excused := a.Name == alwaysSealed || a.Name == "all" || os.Geteuid() != 0 && slices.Contains(needRoot, a.Name)
		if a.Outcome != enginetest.Through && !excused {
			t.Errorf("%s fails without walls too: %s", a.Name, a.Outcome)
		}
	}
	if !slices.Equal(tried, control) || len(tried) < 60 {
		t.Errorf("tried behind the walls: %v\nwithout: %v", tried, control)
	}
}

// A process that never forgets anything has only ever one owner's pixels to
// remember.
func TestAProcessSeesOneOwnersPixels(t *testing.T) {
	pool, e := exploited(t, 2, nil)
	var all sync.WaitGroup
	for _, owner := range []string{"alice", "bob", "carol"} {
		all.Go(func() {
			for i := range 6 {
				if err := orderSecret(t, pool, owner, "remember", 0, owner+strconv.Itoa(i)); err != nil {
					t.Errorf("%s %d: %v", owner, i, err)
				}
			}
			for range 2 { // in turn with the others, one process each
				if err := orderSecret(t, pool, owner, "remember", 0, owner); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	most := 0
	for _, a := range e.Attempts(t) {
		secrets := strings.Split(strings.Trim(a.Outcome, ","), ",")
		most = max(most, len(secrets))
		owner := strings.TrimRight(secrets[0], "0123456789")
		for _, s := range secrets {
			if !strings.HasPrefix(s, owner) {
				t.Errorf("process %d has seen %v", a.PID, secrets)
			}
		}
	}
	if most < 2 {
		t.Errorf("no process has remembered two images: %v", e.Attempts(t))
	}
}

func TestATakeoverCostsOneImage(t *testing.T) {
	for command, want := range map[string]error{
		"spin":       engine.ErrTimeout,
		"flood":      engine.ErrTimeout,
		"eat":        engine.ErrMemory,
		"eat-shared": engine.ErrMemory,
		"write":      engine.ErrMemory,
		"threads":    engine.ErrCrashed,
		"crash":      engine.ErrCrashed,
		"exit":       engine.ErrCrashed,
	} {
		t.Run(command, func(t *testing.T) {
			pool, e := exploited(t, 2, func(l *engine.Limits) {
				l.Memory, l.RecycleJobs, l.Timeout = 128<<20, 1<<20, 20*time.Second
				if errors.Is(want, engine.ErrTimeout) {
					l.Timeout = 3 * time.Second
				}
			})
			others := engineOf(t, pool, e, "bob")
			over, stop := context.WithCancel(t.Context())
			var beside sync.WaitGroup
			beside.Go(func() {
				for over.Err() == nil {
					if err := order(t, pool, "bob", "remember", 0); err != nil {
						t.Errorf("an image beside it: %v", err)
					}
				}
			})
			err := order(t, pool, "alice", command, others)
			stop()
			beside.Wait()
			if !errors.Is(fault.From(err), want) {
				t.Errorf("it ended with %v, not %v", err, want)
			}
			if now := engineOf(t, pool, e, "bob"); now != others {
				t.Errorf("the process beside it was %d and is %d", others, now)
			}
			if err := order(t, pool, "alice", "remember", others); err != nil {
				t.Errorf("the next image: %v", err)
			}
		})
	}
}

// What an image leaves running when it is done ends too.
func TestNothingLingersInAnIdleProcess(t *testing.T) {
	for _, command := range []string{"linger-and-spin", "linger-and-eat"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			pool, e := exploited(t, 1, func(l *engine.Limits) { l.Memory = 128 << 20 })
			quiet := engineOf(t, pool, e, "alice")
			if err := order(t, pool, "alice", command, 0); err != nil {
				t.Errorf("the image itself: %v", err)
			}
			awaitEnd(t, quiet)
			if err := order(t, pool, "alice", "remember", 0); err != nil {
				t.Errorf("the next image: %v", err)
			}
		})
	}
}

// awaitEnd waits until there is no process of the number.
func awaitEnd(tb testing.TB, pid int) {
	tb.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		select {
		case <-ticker.C:
		case <-deadline:
			tb.Fatalf("process %d goes on", pid)
		}
	}
}
