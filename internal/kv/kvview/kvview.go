// Package kvview keeps a live view of the keys under one prefix, read as what
// they mean.
//
//	v := kvview.New("presets/", 1000, parse)
//	go v.Follow(ctx, store, log)
//	<-v.Synced()
//	p, ok := v.Get("thumb")
//
// A view keeps its last state while the store is away.
package kvview

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// retryPause is the pause after the store could not be reached.
const retryPause = time.Second

// readTime is how long asking the store for one key may take.
const readTime = 2 * time.Second

// View is what is known of the keys under a prefix. Names are keys without the
// prefix. It is safe for concurrent use.
type View[T any] struct {
	prefix string
	limit  int
	parse  func(name string, e kv.Entry) (T, error)

	state  atomic.Pointer[Snapshot[T]]
	synced chan struct{} // closed once the first listing is in
}

// Snapshot is a view at one time. It is not to be altered.
type Snapshot[T any] struct {
	Revision int64        // of the last change that is in it; 0: nothing has been read yet
	Values   map[string]T // by name
}

// New makes an empty view of at most limit entries; Follow fills it. An entry
// that parse has an error for is passed over, since anybody may write to the
// store.
func New[T any](prefix string, limit int, parse func(name string, e kv.Entry) (T, error)) *View[T] {
	v := &View[T]{prefix: prefix, limit: limit, parse: parse, synced: make(chan struct{})}
	v.state.Store(&Snapshot[T]{})
	return v
}

// Synced is closed once the store has been read for the first time.
func (v *View[T]) Synced() <-chan struct{} { return v.synced }

// Snapshot is the view as it is now; it is the same one until something changes.
func (v *View[T]) Snapshot() *Snapshot[T] { return v.state.Load() }

// Get is what is known under a name.
func (v *View[T]) Get(name string) (T, bool) {
	value, ok := v.state.Load().Values[name]
	return value, ok
}

// Read asks the store for a name, for who has just written it and must not be
// told that it is not there. While the store is away it is Get; before the first
// listing is in, that the store is away is an error.
func (v *View[T]) Read(ctx context.Context, store kv.Store, name string) (value T, ok bool, err error) {
	asked, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	e, err := store.Get(asked, v.prefix+name)
	switch {
	case err == nil:
		value, err = v.parse(name, e)
		return value, err == nil, nil
	case errors.Is(err, kv.ErrNotFound) || errors.Is(err, kv.ErrKey):
		return value, false, nil
	case ctx.Err() != nil:
		return value, false, context.Cause(ctx)
	}
	select {
	case <-v.synced:
		value, ok = v.Get(name)
		return value, ok, nil
	default:
		return value, false, fault.ErrUnavailable.Detailf("%s cannot be read from the key-value store at the moment", v.prefix+name).Because(err)
	}
}

// Follow keeps the view up to date until ctx ends.
func (v *View[T]) Follow(ctx context.Context, store kv.Store, log *slog.Logger) {
	log = log.With("prefix", v.prefix)
	for failing := false; ctx.Err() == nil; {
		err := v.follow(ctx, store, log, func() { failing = false })
		if !failing && ctx.Err() == nil {
			log.WarnContext(ctx, "the last view is kept, following starts again", "error", err)
		}
		failing = true
		t := time.NewTimer(retryPause)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// follow lists and then watches until something breaks.
func (v *View[T]) follow(ctx context.Context, store kv.Store, log *slog.Logger, healthy func()) error {
	listed, err := v.list(ctx, store, log)
	if err != nil {
		return err
	}
	first := v.state.Load().Values == nil
	v.state.Store(listed)
	healthy()
	if first {
		close(v.synced)
	}
	for ev, err := range store.Watch(ctx, v.prefix, listed.Revision) {
		if err != nil {
			return err
		}
		v.apply(ctx, ev, log)
	}
	return nil
}

// list reads what is there now.
func (v *View[T]) list(ctx context.Context, store kv.Store, log *slog.Logger) (*Snapshot[T], error) {
	s := &Snapshot[T]{Values: map[string]T{}}
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := store.List(ctx, v.prefix, cursor, 0)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			if value, ok := v.read(ctx, e, log); ok {
				s.Values[v.name(e)] = value
			}
		}
		if len(s.Values) > v.limit || page.Next != "" && (page.Next == cursor || len(page.Entries) == 0) {
			return nil, fault.ErrUnavailable.Detailf("there are more than %d keys under %s", v.limit, v.prefix)
		}
		s.Revision, cursor = page.Revision, page.Next
	}
	return s, nil
}

// apply makes the next state. Changes are rare and readers many, so states are
// copied and readers need no lock.
func (v *View[T]) apply(ctx context.Context, ev kv.Event, log *slog.Logger) {
	old := v.state.Load()
	next := &Snapshot[T]{Revision: ev.Revision, Values: maps.Clone(old.Values)}
	name := v.name(ev.Entry)
	delete(next.Values, name)
	if !ev.Deleted && len(next.Values) < v.limit {
		if value, ok := v.read(ctx, ev.Entry, log); ok {
			next.Values[name] = value
		}
	}
	v.state.Store(next)
}

// read makes the value of an entry that has a meaning.
func (v *View[T]) read(ctx context.Context, e kv.Entry, log *slog.Logger) (T, bool) {
	value, err := v.parse(v.name(e), e)
	if err != nil {
		log.DebugContext(ctx, "an entry is passed over", "key", e.Key, "error", err)
	}
	return value, err == nil
}

func (v *View[T]) name(e kv.Entry) string { return strings.TrimPrefix(e.Key, v.prefix) }
