package kvview_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/kv/kvview"
	"minilab/internal/kv/sqlitekv"
)

var quiet = slog.New(slog.DiscardHandler)

func open(t *testing.T) kv.Store {
	t.Helper()
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// numbers is a view of what reads as a number.
func numbers(limit int) *kvview.View[int] {
	return kvview.New("n/", limit, func(_ string, e kv.Entry) (int, error) { return strconv.Atoi(string(e.Value)) })
}

func follow(t *testing.T, v *kvview.View[int], s kv.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	done.Go(func() { v.Follow(ctx, s, quiet) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
}

func put(t *testing.T, s kv.Store, key, value string) kv.Entry {
	t.Helper()
	e, _, err := s.Put(t.Context(), key, []byte(value), kv.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// until waits for the view to show what the test wants.
func until(t *testing.T, v *kvview.View[int], want map[string]int) {
	t.Helper()
	check := time.NewTicker(2 * time.Millisecond)
	defer check.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-check.C {
		got := v.Snapshot().Values
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the view has %v, want %v", got, want)
		}
	}
}

func TestAViewFollowsItsPrefix(t *testing.T) {
	s, v := open(t), numbers(10)
	put(t, s, "n/a", "1")
	put(t, s, "n/nonsense", "x")
	put(t, s, "m/b", "2")
	put(t, s, "n", "3")
	follow(t, v, s)
	<-v.Synced()
	first := v.Snapshot()
	if n, ok := v.Get("a"); !ok || n != 1 || len(first.Values) != 1 || first.Revision < 4 {
		t.Errorf("at first there is %+v", first)
	}
	e := put(t, s, "n/b/c", "4")
	until(t, v, map[string]int{"a": 1, "b/c": 4})
	if got := v.Snapshot().Revision; got != e.Revision {
		t.Errorf("the view is at revision %d, want %d", got, e.Revision)
	}
	put(t, s, "n/a", "5")
	until(t, v, map[string]int{"a": 5, "b/c": 4})
	put(t, s, "n/a", "no number any more")
	until(t, v, map[string]int{"b/c": 4})
	if err := s.Delete(t.Context(), "n/b/c", 0); err != nil {
		t.Fatal(err)
	}
	until(t, v, map[string]int{})
	if len(first.Values) != 1 || first.Values["a"] != 1 {
		t.Errorf("a snapshot has changed to %+v", first)
	}
}

func TestAListingOfManyPages(t *testing.T) {
	s, v, want := open(t), numbers(3000), map[string]int{}
	for i := range kv.MaxPage + 1 {
		put(t, s, fmt.Sprintf("n/%d", i), strconv.Itoa(i))
		want[strconv.Itoa(i)] = i
	}
	follow(t, v, s)
	until(t, v, want)
}

func TestNoMoreThanTheLimitIsBelieved(t *testing.T) {
	s, v := open(t), numbers(2)
	follow(t, v, s)
	<-v.Synced()
	put(t, s, "n/a", "1")
	put(t, s, "n/b", "2")
	put(t, s, "n/c", "3")
	put(t, s, "n/b", "4") // what is known can still change
	until(t, v, map[string]int{"a": 1, "b": 4})
	full, listed := numbers(2), make(chan struct{}, 100)
	follow(t, full, noted{s, listed})
	<-listed
	<-listed // the second listing comes after all that the first has led to
	select {
	case <-full.Synced():
		t.Error("a listing over the limit is believed")
	default:
	}
	if err := s.Delete(t.Context(), "n/c", 0); err != nil {
		t.Fatal(err)
	}
	until(t, full, map[string]int{"a": 1, "b": 4})
}

// noted tells of each listing.
type noted struct {
	kv.Store
	listed chan struct{}
}

func (n noted) List(ctx context.Context, prefix, cursor string, limit int) (kv.Page, error) {
	n.listed <- struct{}{}
	return n.Store.List(ctx, prefix, cursor, limit)
}

// shaky is a store that can be away.
type shaky struct {
	kv.Store
	away atomic.Bool
	cut  chan struct{}
}

func (s *shaky) Get(ctx context.Context, key string) (kv.Entry, error) {
	if s.away.Load() {
		return kv.Entry{}, fault.ErrUnavailable
	}
	return s.Store.Get(ctx, key)
}

func (s *shaky) List(ctx context.Context, prefix, cursor string, limit int) (kv.Page, error) {
	if s.away.Load() {
		return kv.Page{}, fault.ErrUnavailable
	}
	return s.Store.List(ctx, prefix, cursor, limit)
}

func (s *shaky) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[kv.Event, error] {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.cut:
			cancel(errors.New("the connection was cut"))
		case <-ctx.Done():
		}
	}()
	return s.Store.Watch(ctx, prefix, after)
}

func TestTheLastViewIsKeptWhileTheStoreIsAway(t *testing.T) {
	s, v := &shaky{Store: open(t), cut: make(chan struct{})}, numbers(10)
	put(t, s, "n/a", "1")
	s.away.Store(true)
	if _, _, err := v.Read(t.Context(), s, "a"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("read before anything is known: %v", err)
	}
	s.away.Store(false)
	follow(t, v, s)
	<-v.Synced()
	given, up := context.WithCancel(t.Context())
	up()
	if _, ok, err := v.Read(given, s, "a"); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("a read that nobody waits for, of what is known: %v, %v", ok, err)
	}
	s.away.Store(true)
	s.cut <- struct{}{}
	put(t, s, "n/a", "2")
	put(t, s, "n/b", "3")
	for name, want := range map[string]int{"a": 1, "b": 0} {
		if n, ok, err := v.Read(t.Context(), s, name); n != want || ok != (want != 0) || err != nil {
			t.Errorf("%s reads as %d, %v, %v", name, n, ok, err)
		}
	}
	s.away.Store(false)
	until(t, v, map[string]int{"a": 2, "b": 3})
}

func TestReadIsNeverBehind(t *testing.T) {
	s, v := open(t), numbers(10) // nobody follows
	put(t, s, "n/a", "1")
	put(t, s, "n/x", "no number")
	for name, want := range map[string]int{"a": 1, "x": 0, "none": 0, "": 0, "\xff": 0} {
		if n, ok, err := v.Read(t.Context(), s, name); n != want || ok != (want != 0) || err != nil {
			t.Errorf("%q reads as %d, %v, %v", name, n, ok, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok, err := v.Read(ctx, s, "a"); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("a read that nobody waits for: %v, %v", ok, err)
	}
}
