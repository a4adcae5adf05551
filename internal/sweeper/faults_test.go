package sweeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// The stores of a sweeper, with something before and after every call.

// meddle is told of a call before and after it is made. Its error is the
// answer; before, the call is not made.
type meddle func(ctx context.Context, call string, made bool) error

func around[T any](ctx context.Context, m meddle, call string, do func() (T, error)) (T, error) {
	var none T
	if err := m(ctx, call, false); err != nil {
		return none, err
	}
	got, err := do()
	if failed := m(ctx, call, true); failed != nil {
		return none, failed
	}
	return got, err
}

type kvWith struct {
	kv.Store
	m meddle
}

func (w kvWith) Get(ctx context.Context, key string) (kv.Entry, error) {
	return around(ctx, w.m, "kv get "+key, func() (kv.Entry, error) { return w.Store.Get(ctx, key) })
}

func (w kvWith) Put(ctx context.Context, key string, value []byte, opts kv.PutOptions) (e kv.Entry, created bool, err error) {
	call := "kv put " + key
	if opts.IfMatch != 0 {
		call = "kv renew"
	}
	e, err = around(ctx, w.m, call, func() (e kv.Entry, err error) {
		e, created, err = w.Store.Put(ctx, key, value, opts)
		return e, err
	})
	return e, created, err
}

func (w kvWith) Delete(ctx context.Context, key string, ifMatch int64) error {
	_, err := around(ctx, w.m, "kv delete "+key, func() (any, error) { return nil, w.Store.Delete(ctx, key, ifMatch) })
	return err
}

type imagesWith struct {
	storage.Store
	m meddle
}

func (w imagesWith) Put(ctx context.Context, state storage.State, key string, r io.Reader, opts storage.PutOptions) (storage.Info, error) {
	return around(ctx, w.m, "images put", func() (storage.Info, error) { return w.Store.Put(ctx, state, key, r, opts) })
}

func (w imagesWith) Stat(ctx context.Context, state storage.State, key string) (storage.Info, error) {
	return around(ctx, w.m, "images stat "+key, func() (storage.Info, error) { return w.Store.Stat(ctx, state, key) })
}

func (w imagesWith) List(ctx context.Context, state storage.State, cursor string, limit int) (storage.Page, error) {
	return around(ctx, w.m, "images list", func() (storage.Page, error) { return w.Store.List(ctx, state, cursor, limit) })
}

func (w imagesWith) Delete(ctx context.Context, state storage.State, key string) error {
	_, err := around(ctx, w.m, "images delete "+key, func() (any, error) { return nil, w.Store.Delete(ctx, state, key) })
	return err
}

type tasksWith struct {
	taskdb.Store
	m meddle
}

func (w tasksWith) Create(ctx context.Context, t taskdb.Task) (task taskdb.Task, created bool, err error) {
	task, err = around(ctx, w.m, "tasks create", func() (task taskdb.Task, err error) {
		task, created, err = w.Store.Create(ctx, t)
		return task, err
	})
	return task, created, err
}

func (w tasksWith) Get(ctx context.Context, id string) (taskdb.Task, error) {
	return around(ctx, w.m, "tasks get", func() (taskdb.Task, error) { return w.Store.Get(ctx, id) })
}

func (w tasksWith) List(ctx context.Context, f taskdb.Filter) (taskdb.Page, error) {
	return around(ctx, w.m, "tasks list", func() (taskdb.Page, error) { return w.Store.List(ctx, f) })
}

func (w tasksWith) Expire(ctx context.Context, limit int) ([]taskdb.Task, error) {
	return around(ctx, w.m, "tasks expire", func() ([]taskdb.Task, error) { return w.Store.Expire(ctx, limit) })
}

func (w tasksWith) Stats(ctx context.Context) (taskdb.Stats, error) {
	return around(ctx, w.m, "tasks stats", func() (taskdb.Stats, error) { return w.Store.Stats(ctx) })
}

func (w tasksWith) Events(ctx context.Context, after int64, limit int, wait time.Duration) ([]taskdb.Event, error) {
	return around(ctx, w.m, "tasks events", func() ([]taskdb.Event, error) { return w.Store.Events(ctx, after, limit, wait) })
}

// with is a sweeper in whose calls the test meddles.
func (f *fixture) with(m meddle) *Sweeper {
	s := f.sweeper()
	s.KV, s.Storage, s.Tasks = kvWith{f.kv, m}, imagesWith{f.images, m}, tasksWith{f.tasks, m}
	return s
}

var errKilled = errors.New("killed")

// TestKilledAtEveryStep ends a sweep after each of its calls, as if its process
// had died there: nothing that a row points to is ever gone, and what it has
// left over is removed by the next one.
func TestKilledAtEveryStep(t *testing.T) {
	steps := 0
	for step := 0; ; step++ {
		f := settled(t)
		f.create("kept")
		f.finish(f.claim("kept"))
		f.create("past", func(t *taskdb.Task) { t.Keep = time.Microsecond })
		f.finish(f.claim("past"))
		f.put(before, "stray", old)
		var mu sync.Mutex
		n, at := 0, ""
		s := f.with(func(_ context.Context, call string, made bool) error {
			mu.Lock()
			defer mu.Unlock()
			if n >= step {
				return errKilled
			}
			if made {
				n, at = n+1, call
			}
			return nil
		})
		_, err := s.Sweep(t.Context())
		f.allThere(at)
		if err == nil {
			break // it came through
		}
		steps++
		f.ok(f.kv.Delete(t.Context(), lockKey, 0)) // it expires
		f.sweep()
		f.sweep()
		f.allThere(at)
		if got := len(f.keys()); got != 2 {
			t.Errorf("killed after %s: %q are left", at, f.keys())
		}
	}
	if steps < 20 {
		t.Errorf("it was killed at %d steps only", steps)
	}
}

// allThere wants everything that rows point to.
func (f *fixture) allThere(when string) {
	f.Helper()
	page, err := f.tasks.List(f.Context(), taskdb.Filter{})
	f.ok(err)
	for _, t := range page.Tasks {
		for state, blob := range pointers(t) {
			if !f.has(state, blob.Key) {
				f.Fatalf("killed after %s: %s/%s is gone, and %s points to it", when, state, blob.Key, t.ID)
			}
		}
	}
}

// TestOneOfTwoSweeps has the first one wait in the middle for the second.
func TestOneOfTwoSweeps(t *testing.T) {
	f := settled(t)
	f.put(before, "stray", old)
	inside, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	first := f.with(func(_ context.Context, call string, _ bool) error {
		if call == "images delete stray" {
			once.Do(func() {
				close(inside)
				<-goOn
			})
		}
		return nil
	})
	done := make(chan error)
	go func() {
		_, err := first.Sweep(t.Context())
		done <- err
	}()
	<-inside
	_, err := f.sweeper().Sweep(t.Context())
	f.is(err, errBusy)
	close(goOn)
	f.ok(<-done)
	if f.has(before, "stray") {
		t.Error("nobody has swept")
	}
	f.put(before, "stray", old)
	if swept := f.sweep(); swept.Images != 1 {
		t.Errorf("the lock was not released: %+v", swept)
	}
}

// TestAtOnce has many sweepers begin together; what there is goes once.
func TestAtOnce(t *testing.T) {
	f := settled(t)
	for i := range 20 {
		f.put(before, fmt.Sprint("stray-", i), old)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	images := 0
	for range 5 {
		wg.Go(func() {
			swept, err := f.sweeper().Sweep(t.Context())
			mu.Lock()
			defer mu.Unlock()
			images += swept.Images
			if err != nil && !errors.Is(err, errBusy) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if images != 20 || len(f.keys()) != 0 {
		t.Errorf("%d images were removed, %d are left", images, len(f.keys()))
	}
}

// TestALostLockStopsTheSweep takes the lock away before the second removal.
func TestALostLockStopsTheSweep(t *testing.T) {
	for name, lose := range map[string]func(f *fixture) error{
		"to another sweeper": func(f *fixture) error {
			_, _, err := f.kv.Put(f.Context(), lockKey, []byte("another"), kv.PutOptions{TTL: time.Minute})
			return err
		},
		"and gone":             func(f *fixture) error { return f.kv.Delete(f.Context(), lockKey, 0) },
		"to kv, which is away": func(*fixture) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := settled(t)
			f.put(before, "stray-1", old)
			f.put(before, "stray-2", old)
			removed, lost := 0, false
			var mu sync.Mutex
			s := f.with(func(ctx context.Context, call string, made bool) error {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case call == "kv renew" && lost && name == "to kv, which is away":
					return fault.ErrUnavailable
				case strings.HasPrefix(call, "images stat stray") && !made && removed == 1:
					lost = true
					if err := lose(f); err != nil {
						return err
					}
					mu.Unlock()
					<-ctx.Done()
					mu.Lock()
					return context.Cause(ctx)
				case strings.HasPrefix(call, "images delete stray") && made:
					removed++
				}
				return nil
			})
			s.lockTTL = kv.MinTTL
			swept, err := s.Sweep(t.Context())
			f.is(err, errLost)
			if swept.Images != 1 || !f.has(before, "stray-2") {
				t.Errorf("swept %+v", swept)
			}
			if e, err := f.kv.Get(t.Context(), lockKey); err == nil && string(e.Value) != "another" {
				t.Errorf("the lock is still there: %+v", e)
			} else if name == "to another sweeper" {
				f.ok(err)
			}
		})
	}
}

// TestTheLockIsKeptWhileItWorks sweeps longer than the lock lives.
func TestTheLockIsKeptWhileItWorks(t *testing.T) {
	f := settled(t)
	f.put(before, "stray", old)
	renewals := 0
	enough := make(chan struct{})
	s := f.with(func(ctx context.Context, call string, made bool) error {
		if call == "kv renew" && made {
			if renewals++; renewals == 4 {
				close(enough)
			}
		}
		if call == "images delete stray" && !made {
			select {
			case <-enough:
			case <-ctx.Done():
			}
		}
		return nil
	})
	s.lockTTL = kv.MinTTL
	swept, err := s.Sweep(t.Context())
	f.ok(err)
	if swept.Images != 1 {
		t.Errorf("swept %+v", swept)
	}
}

// TestALastLook has things change between the listing and the removal.
func TestALastLook(t *testing.T) {
	f := settled(t)
	f.create("again")
	f.release(f.claim("again"))
	for _, key := range []string{"written-anew", "by-hand", "gone", "stray"} {
		f.put(before, key, old)
	}
	f.put(after, "again.2", old) // of the next attempt, when it comes
	done := map[string]bool{}
	s := f.with(func(_ context.Context, call string, made bool) error {
		if made || done[call] || !strings.HasPrefix(call, "images stat ") {
			return nil
		}
		done[call] = true
		switch strings.TrimPrefix(call, "images stat ") {
		case "written-anew":
			f.put(before, "written-anew", 0)
		case "by-hand":
			f.create("by-hand")
			f.age(before, "by-hand", old)
		case "gone":
			f.ok(f.images.Delete(t.Context(), before, "gone"))
		case "again.2":
			f.finish(f.claim("again"))
			f.age(after, "again.2", old)
		}
		return nil
	})
	swept, err := s.Sweep(t.Context())
	f.ok(err)
	want := []string{"inProgress/again", "inProgress/by-hand", "inProgress/written-anew", "finished/again.2"}
	if got := f.keys(); !slices.Equal(got, want) || swept.Images != 2 { // the stray, and the first attempt's
		t.Errorf("left %q, want %q; swept %+v", got, want, swept)
	}
}

// TestNoSweepWhileAPartIsAway says so once for as long as it lasts.
func TestNoSweepWhileAPartIsAway(t *testing.T) {
	for _, part := range []string{"kv get " + restKey, "kv put " + lockKey, "kv get " + pastKey, "tasks list", "images list"} {
		f := settled(t)
		f.put(before, "stray", old)
		away := true
		s := f.with(func(_ context.Context, call string, _ bool) error {
			if away && call == part {
				return fault.ErrUnavailable
			}
			return nil
		})
		for range 3 {
			if s.turn(t.Context()) {
				t.Error("it wants to go on")
			}
		}
		if n := f.log.count("nothing is swept"); n != 1 || !f.has(before, "stray") {
			t.Errorf("%s is away: said %d times", part, n)
		}
		away = false
		s.turn(t.Context())
		if f.has(before, "stray") {
			t.Errorf("%s is back, and nothing is swept", part)
		}
		away = true
		f.ok(f.kv.Delete(t.Context(), restKey, 0))
		s.turn(t.Context())
		if n := f.log.count("nothing is swept"); n != 2 {
			t.Errorf("%s is away again: said %d times", part, n)
		}
	}
}

// TestManyMastersSweepAsOften has another sweep right after one.
func TestManyMastersSweepAsOften(t *testing.T) {
	f := settled(t)
	f.sweeper().turn(t.Context())
	f.put(before, "stray", old)
	other := f.sweeper()
	other.turn(t.Context())
	if !f.has(before, "stray") {
		t.Error("the other swept as well")
	}
	f.ok(f.kv.Delete(t.Context(), restKey, 0)) // it expires
	other.turn(t.Context())
	if f.has(before, "stray") {
		t.Error("nobody sweeps any more")
	}
}

// TestRunSweeps lets it run by itself.
func TestRunSweeps(t *testing.T) {
	f := settled(t)
	f.put(before, "stray", old)
	s := f.sweeper()
	s.Every = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(ended)
	}()
	eventually(t, "the stray is gone", func() bool { return !f.has(before, "stray") })
	f.put(before, "stray", old)
	eventually(t, "the second one is gone", func() bool { return !f.has(before, "stray") })
	cancel()
	<-ended
	if f.log.count("nothing is swept") != 0 {
		t.Errorf("there was trouble: %s", f.log.text.String())
	}
}
