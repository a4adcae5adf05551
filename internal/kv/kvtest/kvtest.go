// Package kvtest is the conformance suite of kv.Store: every sentence of the
// contract is a case here, and every engine and the client of the wire pass it.
//
//	func TestStore(t *testing.T) {
//		kvtest.Run(t, open, kvtest.Options{Reopen: reopen, Compact: compact})
//	}
package kvtest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"minilab/internal/kv"
)

// patience is how long a case waits for what must happen; it bounds a failing
// run and nothing else.
const patience = 30 * time.Second

// Options are the real differences between stores. A nil function leaves the
// cases out that need it.
type Options struct {
	// Reopen closes a store and opens its data again.
	Reopen func(t *testing.T, s kv.Store) kv.Store

	// Compact makes the store forget the changes before the call; it may make
	// changes under the prefix "compact/" for that.
	Compact func(t *testing.T, s kv.Store)
}

// testCase is a sentence of the contract.
type testCase struct {
	name string
	run  func(t *testing.T, s kv.Store)
}

// Run runs the suite. Every case gets a new, empty store, and closing it is
// the business of open.
func Run(t *testing.T, open func(t *testing.T) kv.Store, opts Options) {
	for _, cases := range [][]testCase{keyCases, conditionCases, listCases, watchCases, ttlCases, opts.cases()} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, open(t))
			})
		}
	}
}

func put(t *testing.T, s kv.Store, key, value string, opts kv.PutOptions) kv.Entry {
	t.Helper()
	e, _, err := s.Put(t.Context(), key, []byte(value), opts)
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	if e.Key != key || string(e.Value) != value || e.TTL != opts.TTL || e.Revision < 1 {
		t.Fatalf("put %q gave %+v", key, e)
	}
	return e
}

func get(t *testing.T, s kv.Store, key string) kv.Entry {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	return e
}

func remove(t *testing.T, s kv.Store, key string) {
	t.Helper()
	if err := s.Delete(t.Context(), key, 0); err != nil {
		t.Fatalf("delete %q: %v", key, err)
	}
}

func wantEntry(t *testing.T, got, want kv.Entry) {
	t.Helper()
	if got.Key != want.Key || !bytes.Equal(got.Value, want.Value) || got.Revision != want.Revision || got.TTL != want.TTL {
		t.Errorf("got %q = %.40q at revision %d with TTL %v, want %q = %.40q at %d with %v",
			got.Key, got.Value, got.Revision, got.TTL, want.Key, want.Value, want.Revision, want.TTL)
	}
}

func wantAbsent(t *testing.T, s kv.Store, key string) {
	t.Helper()
	if e, err := s.Get(t.Context(), key); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("get %q: %+v, %v; want it absent", key, e, err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// all lists prefix to its end, limit at a time.
func all(t *testing.T, s kv.Store, prefix string, limit int) []kv.Entry {
	t.Helper()
	var entries []kv.Entry
	for cursor := ""; ; {
		page := list(t, s, prefix, cursor, limit)
		entries = append(entries, page.Entries...)
		if cursor = page.Next; cursor == "" {
			return entries
		}
	}
}

func list(t *testing.T, s kv.Store, prefix, cursor string, limit int) kv.Page {
	t.Helper()
	page, err := s.List(t.Context(), prefix, cursor, limit)
	if err != nil {
		t.Fatalf("list %q: %v", prefix, err)
	}
	return page
}

func keys(entries []kv.Entry) []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Key
	}
	return names
}

// watcher is a running Watch.
type watcher struct {
	events chan kv.Event
	ended  chan error
	cancel context.CancelCauseFunc
}

func watch(t *testing.T, s kv.Store, prefix string, after int64) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	w := &watcher{events: make(chan kv.Event), ended: make(chan error, 1), cancel: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx, s, prefix, after)
	}()
	t.Cleanup(func() {
		cancel(nil)
		<-done
	})
	return w
}

func (w *watcher) run(ctx context.Context, s kv.Store, prefix string, after int64) {
	for e, err := range s.Watch(ctx, prefix, after) {
		if err != nil {
			w.ended <- err
			return
		}
		select {
		case w.events <- e:
		case <-ctx.Done():
		}
	}
	w.ended <- errors.New("the watch ended without an error")
}

func (w *watcher) next(t *testing.T) kv.Event {
	t.Helper()
	select {
	case e := <-w.events:
		return e
	case err := <-w.ended:
		t.Fatalf("the watch ended: %v", err)
	case <-time.After(patience):
		t.Fatal("no event")
	}
	return kv.Event{}
}

func (w *watcher) end(t *testing.T) error {
	t.Helper()
	select {
	case e := <-w.events:
		t.Fatalf("an event instead of the end: %+v", e)
	case err := <-w.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the watch does not end")
	}
	return nil
}

// wantPut waits for the next event, which is the put of want.
func wantPut(t *testing.T, w *watcher, want kv.Entry) {
	t.Helper()
	e := w.next(t)
	if e.Deleted {
		t.Errorf("a deletion of %q, want a put of %q", e.Key, want.Key)
	}
	wantEntry(t, e.Entry, want)
}

func wantDeleted(t *testing.T, e kv.Event, key string, after int64) {
	t.Helper()
	if !e.Deleted || e.Key != key || e.Revision <= after || len(e.Value) != 0 || e.TTL != 0 {
		t.Errorf("event %+v, want the deletion of %q after revision %d", e, key, after)
	}
}
