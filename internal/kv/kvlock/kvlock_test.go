package kvlock_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/kv/kvlock"
	"minilab/internal/kv/sqlitekv"
)

const key = "locks/test/a"

func openKV(t *testing.T) kv.Store {
	t.Helper()
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func acquire(t *testing.T, l *kvlock.Locks, asked func()) *kvlock.Held {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	h, err := l.Acquire(ctx, key, asked)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func nobody() {}

// TestOneAtATime has many want the lock, each of whom lets go when asked.
func TestOneAtATime(t *testing.T) {
	store := openKV(t)
	var inside, turns atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		locks := kvlock.New(kvlock.Config{KV: store, TTL: 5 * time.Second, Name: fmt.Sprint(i)})
		wg.Go(func() {
			for range 5 {
				asked := make(chan struct{})
				h, err := locks.Acquire(t.Context(), key, func() { close(asked) })
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				if turns.Add(1) < 36 { // at the end nobody may want it any more
					select {
					case <-asked:
					case <-time.After(time.Second):
					}
				}
				if err := h.Valid(); err != nil {
					t.Error(err)
				}
				inside.Add(-1)
				h.Release()
			}
		})
	}
	wg.Wait()
	if _, err := store.Get(t.Context(), key); !errors.Is(err, kv.ErrNotFound) || turns.Load() != 40 {
		t.Errorf("after %d turns the key gives %v", turns.Load(), err)
	}
}

func TestHolderIsAskedOnce(t *testing.T) {
	store := openKV(t)
	locks := kvlock.New(kvlock.Config{KV: store, TTL: 3 * time.Second, Name: "a"})
	var asked atomic.Int64
	h := acquire(t, locks, func() { asked.Add(1) })
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // more than the TTL
	defer cancel()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := locks.Acquire(ctx, key, nobody); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who waits for what is held gets %v", err)
			}
		})
	}
	wg.Wait()
	if n := asked.Load(); n != 1 || h.Valid() != nil {
		t.Errorf("asked %d times; then it is %v", n, h.Valid())
	}
	h.Release()
	acquire(t, locks, nobody).Release()
}

// gate is a store that can be shut, as when the network is cut.
type gate struct {
	kv.Store
	shut atomic.Bool
}

func (g *gate) Put(ctx context.Context, key string, value []byte, o kv.PutOptions) (kv.Entry, bool, error) {
	if g.shut.Load() {
		return kv.Entry{}, false, fault.ErrUnavailable
	}
	return g.Store.Put(ctx, key, value, o)
}

func (g *gate) Get(ctx context.Context, key string) (kv.Entry, error) {
	if g.shut.Load() {
		return kv.Entry{}, fault.ErrUnavailable
	}
	return g.Store.Get(ctx, key)
}

// TestCutOffHolder knows that its lock is lost before anybody else can get it.
func TestCutOffHolder(t *testing.T) {
	store := openKV(t)
	mine := &gate{Store: store}
	lost := make(chan struct{})
	h := acquire(t, kvlock.New(kvlock.Config{KV: mine, TTL: time.Second, Name: "a"}), func() { close(lost) })
	defer h.Release()
	mine.shut.Store(true)
	var after *kvlock.Held
	got := make(chan struct{})
	go func() {
		defer close(got)
		after, _ = kvlock.New(kvlock.Config{KV: store, TTL: time.Second, Name: "b"}).Acquire(t.Context(), key, nobody)
	}()
	<-got
	if err := h.Valid(); !errors.Is(err, kvlock.ErrLost) {
		t.Errorf("the lock is another's, and its first holder thinks %v", err)
	}
	<-lost
	after.Release()
}

// TestLockThatIsTakenAway by hand is lost.
func TestLockThatIsTakenAway(t *testing.T) {
	store := openKV(t)
	lost := make(chan struct{})
	h := acquire(t, kvlock.New(kvlock.Config{KV: store, TTL: 5 * time.Second, Name: "a"}), func() { close(lost) })
	if err := store.Delete(t.Context(), key, 0); err != nil {
		t.Fatal(err)
	}
	<-lost
	if err := h.Valid(); !errors.Is(err, kvlock.ErrLost) {
		t.Errorf("it is %v", err)
	}
	other := acquire(t, kvlock.New(kvlock.Config{KV: store, TTL: 5 * time.Second, Name: "b"}), nobody)
	h.Release()
	if err := other.Valid(); err != nil {
		t.Errorf("the release of a lost lock took it from the next holder: %v", err)
	}
	other.Release()
}

// TestDeadHolder need not be waited for.
func TestDeadHolder(t *testing.T) {
	store := openKV(t)
	acquire(t, kvlock.New(kvlock.Config{KV: store, TTL: time.Hour, Name: "dead"}), nobody)
	locks := kvlock.New(kvlock.Config{KV: store, TTL: time.Hour, Name: "next", Dead: func(name string) bool { return name == "dead" }})
	acquire(t, locks, nobody).Release()
}

func TestStoreThatIsAway(t *testing.T) {
	store := &gate{Store: openKV(t)}
	store.shut.Store(true)
	if _, err := kvlock.New(kvlock.Config{KV: store, TTL: time.Second, Name: "a"}).Acquire(t.Context(), key, nobody); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
