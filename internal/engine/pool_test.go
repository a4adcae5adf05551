package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
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

func TestMain(m *testing.M) { enginetest.Main(m) }

func limits() engine.Limits {
	l := engine.DefaultLimits()
	l.Memory = 64 << 20
	l.MaxOutput = 1 << 20
	return l
}

// rogues is a pool of one process that does as it is told.
func rogues(tb testing.TB, l engine.Limits) *engine.Pool {
	tb.Helper()
	return enginetest.Pool(tb, engine.Config{Path: enginetest.Rogue(tb), Processes: 1, Limits: l})
}

func tell(tb testing.TB, pool *engine.Pool, owner, command string) (string, error) {
	tb.Helper()
	return tellContext(tb.Context(), tb, pool, owner, command)
}

func tellContext(ctx context.Context, tb testing.TB, pool *engine.Pool, owner, command string) (string, error) {
	tb.Helper()
	input := enginetest.Input(tb, []byte(command))
	defer input.Close()
	result, err := pool.Run(ctx, engine.Job{Owner: owner, Outputs: []pipeline.Pipeline{pipeline.Default()}, Input: input})
	if err != nil {
		return "", err
	}
	defer result.Close()
	data, err := io.ReadAll(result.Outputs[0].Reader())
	if err != nil {
		tb.Fatal(err)
	}
	return string(data), nil
}

func mustTell(tb testing.TB, pool *engine.Pool, owner, command string) string {
	tb.Helper()
	answer, err := tell(tb, pool, owner, command)
	if err != nil {
		tb.Fatalf("%s: %v", command, err)
	}
	return answer
}

func TestMisbehaviourCostsOneAttempt(t *testing.T) {
	for command, want := range map[string]error{
		"crash":         engine.ErrCrashed,
		"exit":          engine.ErrCrashed,
		"out-of-memory": engine.ErrMemory,
		"hang":          engine.ErrTimeout,
		"stop":          engine.ErrTimeout,
		"eat":           engine.ErrMemory,
		"garbage":       engine.ErrCrashed,
		"huge-message":  engine.ErrCrashed,
		"wrong-id":      engine.ErrCrashed,
		"wrong-type":    engine.ErrCrashed,
		"wrong-size":    engine.ErrCrashed,
		"unknown-fault": engine.ErrCrashed,
		"keep-mapped":   engine.ErrCrashed,
		"defect":        fault.ErrInternal,
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			l := limits()
			if errors.Is(want, engine.ErrTimeout) {
				l.Timeout = 200 * time.Millisecond
			}
			pool := rogues(t, l)
			first := mustTell(t, pool, "a", "pid")
			if _, err := tell(t, pool, "a", command); !errors.Is(fault.From(err), want) {
				t.Fatalf("error is %v, want %v", err, want)
			}
			if again := mustTell(t, pool, "a", "pid"); again == first {
				t.Error("the process goes on")
			}
			engine.AwaitRetired(pool)
			mustBeGone(t, first)
		})
	}
}

// mustBeGone checks that a process does not exist, not even as a zombie.
func mustBeGone(tb testing.TB, pid string) {
	tb.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		tb.Fatal(err)
	}
	if err := syscall.Kill(n, 0); !errors.Is(err, syscall.ESRCH) {
		tb.Errorf("process %d is still there: %v", n, err)
	}
}

func TestFaultsOfTheImageLeaveTheProcess(t *testing.T) {
	pool := rogues(t, limits())
	first := mustTell(t, pool, "a", "pid")
	_, err := tell(t, pool, "a", "broken")
	if !errors.Is(err, engine.ErrBroken) || !strings.HasPrefix(err.Error(), "the image is broken[31m!!!") || len(err.Error()) > 300 {
		t.Errorf("error is %q", err)
	}
	for _, harmless := range []string{"write-input", "smuggle", "talk"} {
		if got := mustTell(t, pool, "a", harmless); got != harmless {
			t.Errorf("%s gave %q", harmless, got)
		}
	}
	if again := mustTell(t, pool, "a", "pid"); again != first {
		t.Error("the process was replaced")
	}
}

func TestCancelKillsAtOnce(t *testing.T) {
	pool := rogues(t, limits())
	pid := mustTell(t, pool, "a", "pid")
	lost := errors.New("lease lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error)
	go func() {
		_, err := tellContext(ctx, t, pool, "a", "hang")
		failed <- err
	}()
	cancel(lost)
	if err := <-failed; !errors.Is(err, lost) {
		t.Errorf("error is %v", err)
	}
	if _, err := tellContext(ctx, t, pool, "a", "pid"); !errors.Is(err, lost) {
		t.Errorf("a job that is canceled already: %v", err)
	}
	if again := mustTell(t, pool, "a", "pid"); again == pid {
		mustTell(t, pool, "a", "ok") // canceled before it was taken: the process may stay
	}
}

func TestOwnersDoNotShareAProcess(t *testing.T) {
	pool := rogues(t, limits())
	alice := mustTell(t, pool, "alice", "pid")
	if mustTell(t, pool, "alice", "pid") != alice {
		t.Error("an owner's process was replaced")
	}
	bob := mustTell(t, pool, "bob", "pid")
	if bob == alice {
		t.Error("bob got alice's process")
	}
	if nobody := mustTell(t, pool, "", "pid"); nobody == bob {
		t.Error("nobody got bob's process")
	}
}

func TestProcessesAreRecycled(t *testing.T) {
	l := limits()
	l.RecycleJobs = 3
	pool := rogues(t, l)
	seen := map[string]int{}
	for range 9 {
		seen[mustTell(t, pool, "a", "pid")]++
	}
	if len(seen) != 3 {
		t.Errorf("9 jobs went to %v", seen)
	}
}

// A process that keeps a descriptor of a job holds memory that no limit counts;
// what one says between two jobs would be taken for the answer to the second.
func TestAProcessThatIsNotDoneWithItsJobIsReplaced(t *testing.T) {
	for _, command := range []string{"keep", "speak"} {
		pool := rogues(t, limits())
		first := mustTell(t, pool, "a", "pid")
		if mustTell(t, pool, "a", command) != command {
			t.Errorf("%s: the job itself is not done", command)
		}
		if command == "speak" {
			engine.AwaitSpeech(pool)
		}
		if again := mustTell(t, pool, "a", "pid"); again == first {
			t.Errorf("%s: the process goes on", command)
		}
	}
}

func TestAnIdleProcessThatDiedCostsNothing(t *testing.T) {
	pool := rogues(t, limits())
	pid, err := strconv.Atoi(mustTell(t, pool, "a", "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	engine.AwaitIdleEnd(pool)
	mustTell(t, pool, "a", "ok")
}

func TestTerminalSignalsAreIgnored(t *testing.T) {
	pool := rogues(t, limits())
	pid, err := strconv.Atoi(mustTell(t, pool, "a", "pid"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	if again := mustTell(t, pool, "a", "pid"); again != fmt.Sprint(pid) {
		t.Error("the process was replaced")
	}
}

func TestAnEngineThatDoesNotStartIsOurFault(t *testing.T) {
	for _, name := range []string{"missing", "dies-early", "speaks-another-protocol", "babbles"} {
		path := filepath.Join(t.TempDir(), name)
		if name != "missing" {
			if err := os.Symlink(enginetest.Rogue(t), path); err != nil {
				t.Fatal(err)
			}
		}
		_, err := engine.New(engine.Config{Path: path, Limits: limits()}, slog.New(slog.DiscardHandler))
		if !errors.Is(err, engine.ErrNoEngine) || !fault.KindOf(err).Transient() || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEngineThatBreaksLaterIsTriedSlowly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine")
	if err := os.Symlink(enginetest.Rogue(t), path); err != nil {
		t.Fatal(err)
	}
	pool := enginetest.Pool(t, engine.Config{Path: path, Processes: 1, Limits: limits()})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	mustTell(t, pool, "a", "ok")
	start := time.Now()
	for range 3 {
		if _, err := tell(t, pool, "b", "ok"); !errors.Is(err, engine.ErrNoEngine) {
			t.Errorf("error is %v", err)
		}
	}
	if took := time.Since(start); took < 300*time.Millisecond { // 0 + 100 + 200
		t.Errorf("three starts failed within %v", took)
	}
	if err := os.Symlink(enginetest.Rogue(t), path); err != nil {
		t.Fatal(err)
	}
	mustTell(t, pool, "b", "ok")
}

func TestAnEngineThatDiesIdleDoesNotSpin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dies-idle")
	if err := os.Symlink(enginetest.Rogue(t), path); err != nil {
		t.Fatal(err)
	}
	pool := enginetest.Pool(t, engine.Config{Path: path, Processes: 1, Limits: limits()})
	if _, err := tell(t, pool, "a", "ok"); err == nil {
		t.Error("a dead process did the job")
	}
}

func TestManyJobsAtOnce(t *testing.T) {
	pool := enginetest.Pool(t, engine.Config{Path: enginetest.Rogue(t), Processes: 3, Limits: limits()})
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			command, owner := fmt.Sprintf("job %d", i), fmt.Sprint(i%4)
			if i%10 == 9 {
				command = "crash"
			}
			got, err := tell(t, pool, owner, command)
			if command == "crash" && !errors.Is(err, engine.ErrCrashed) || command != "crash" && got != command {
				t.Errorf("%s: %q, %v", command, got, err)
			}
		})
	}
	all.Wait()
}

func TestCloseEndsEverything(t *testing.T) {
	path := enginetest.Rogue(t)
	files := openFiles(t)
	pool, err := engine.New(engine.Config{Path: path, Processes: 2, Limits: limits()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	pid := mustTell(t, pool, "a", "pid")
	for range 20 {
		mustTell(t, pool, "a", "ok")
		if _, err := tell(t, pool, "a", "garbage"); err == nil {
			t.Error("garbage is fine")
		}
	}
	failed := make(chan error)
	go func() {
		_, err := tell(t, pool, "b", "hang")
		failed <- err
	}()
	pool.Close()
	if err := <-failed; !errors.Is(err, engine.ErrClosed) {
		t.Errorf("the job at work: %v", err)
	}
	if _, err := tell(t, pool, "a", "ok"); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a job after the end: %v", err)
	}
	pool.Close()
	mustBeGone(t, pid)
	if now := openFiles(t); len(now) != len(files) {
		t.Errorf("open files: %v, before %v", now, files)
	}
}

// openFiles are the open descriptors and what they lead to, but for the
// runtime's own.
func openFiles(tb testing.TB) []string {
	tb.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.Contains(to, "anon_inode") {
			all = append(all, e.Name()+" "+to)
		}
	}
	return all
}

func TestConfigReportsAllFaults(t *testing.T) {
	err := engine.Config{}.Validate()
	for _, want := range []string{"path", "pixels", "output", "memory", "time limit", "jobs"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if err := (engine.Config{Path: "x", Limits: engine.DefaultLimits()}).Validate(); err != nil {
		t.Error(err)
	}
}
