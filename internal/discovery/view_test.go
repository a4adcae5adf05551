package discovery_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/discovery"
	"minilab/internal/fault"
	"minilab/internal/kv"
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

// until waits for the view to show what the test wants.
func until(t *testing.T, v *discovery.View, service string, want ...string) {
	t.Helper()
	check := time.NewTicker(5 * time.Millisecond)
	defer check.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-check.C {
		got := v.URLs(service)
		if len(got) == len(want) {
			same := true
			for i := range got {
				same = same && got[i] == want[i]
			}
			if same {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is at %q, want %q", service, got, want)
		}
	}
}

// run runs f until stop is called or the test ends.
func run(t *testing.T, f func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	done.Go(func() { f(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		done.Wait()
	})
	t.Cleanup(stop)
	return stop
}

func register(t *testing.T, s kv.Store, service, id, url string) (stop func()) {
	t.Helper()
	return run(t, func(ctx context.Context) {
		discovery.Register(ctx, s, discovery.Instance{Service: service, ID: id, URL: url, Version: "1"}, quiet)
	})
}

func TestRegistrationsAreSeenAndWithdrawn(t *testing.T) {
	s, v := open(t), discovery.NewView()
	early := register(t, s, "storage", "a", "http://a")
	run(t, func(ctx context.Context) { v.Follow(ctx, s, quiet) })
	<-v.Synced()
	until(t, v, "storage", "http://a")
	late := register(t, s, "storage", "b", "http://b")
	register(t, s, "master", "c", "http://c")
	register(t, s, "worker", "d", "")
	until(t, v, "storage", "http://a", "http://b")
	until(t, v, "master", "http://c")
	until(t, v, "worker")
	early()
	until(t, v, "storage", "http://b")
	late()
	until(t, v, "storage")
}

func TestARegistrationHasALifeAndIsRenewed(t *testing.T) {
	s := open(t)
	register(t, s, "storage", "a", "http://a")
	for ev, err := range s.Watch(t.Context(), "services/", 0) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.Get(t.Context(), ev.Key)
		if err != nil || e.TTL != discovery.TTL || e.Key != "services/storage/a" {
			t.Errorf("the registration is %+v, %v", e, err)
		}
		return
	}
}

func TestNonsenseIsPassedOver(t *testing.T) {
	s, v := open(t), discovery.NewView()
	run(t, func(ctx context.Context) { v.Follow(ctx, s, quiet) })
	for key, value := range map[string]string{
		"services/storage": "x", "services/storage/x": "not json", "services/": `{"url":"http://z"}`, "services/storage/y": `[]`,
	} {
		if _, _, err := s.Put(t.Context(), key, []byte(value), kv.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	register(t, s, "storage", "a", "http://a")
	until(t, v, "storage", "http://a")
}

// shaky is a store that can be away.
type shaky struct {
	kv.Store
	away atomic.Bool
	cut  chan struct{}
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
	s, v := &shaky{Store: open(t), cut: make(chan struct{})}, discovery.NewView()
	gone := register(t, s.Store, "storage", "a", "http://a")
	run(t, func(ctx context.Context) { v.Follow(ctx, s, quiet) })
	until(t, v, "storage", "http://a")
	s.away.Store(true)
	s.cut <- struct{}{}
	gone()
	register(t, s.Store, "storage", "b", "http://b")
	until(t, v, "storage", "http://a")
	s.away.Store(false)
	until(t, v, "storage", "http://b")
}

// TestASecondStoreIsNotRegistered as long as the lab has another one, for calls
// would go to both in turn. Instances on one store are as many as one likes.
func TestASecondStoreIsNotRegistered(t *testing.T) {
	s, v := open(t), discovery.NewView()
	on := func(id, store string) {
		run(t, func(ctx context.Context) {
			discovery.Register(ctx, s, discovery.Instance{Service: "taskdb", ID: id, URL: "http://" + id, Store: store}, quiet)
		})
	}
	on("a", "one")
	run(t, func(ctx context.Context) { v.Follow(ctx, s, quiet) })
	until(t, v, "taskdb", "http://a")
	looked := make(chan struct{}, 100)
	other := discovery.Instance{Service: "taskdb", ID: "b", URL: "http://b", Store: "two"}
	run(t, func(ctx context.Context) { discovery.Register(ctx, watched{s, looked}, other, quiet) })
	<-looked
	<-looked // the second look comes after all that the first has led to
	on("c", "one")
	until(t, v, "taskdb", "http://a", "http://c")
	if err := s.Delete(t.Context(), discovery.StoreKey("taskdb"), 0); err != nil {
		t.Fatal(err)
	}
	until(t, v, "taskdb", "http://a", "http://b", "http://c")
}

// watched tells of each look.
type watched struct {
	kv.Store
	looked chan struct{}
}

// Get implements kv.Store.
func (w watched) Get(ctx context.Context, key string) (kv.Entry, error) {
	w.looked <- struct{}{}
	return w.Store.Get(ctx, key)
}
