package sqlitekv

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"minilab/internal/kv"
)

// batch is how many events a watcher takes out of the feed at a time, and
// batchBytes how large they may be: each watcher has copies of its own.
const (
	batch      = 256
	batchBytes = 1 << 20 // the event that exceeds it ends the batch
)

// fromOldest is the position before the oldest event that is kept.
const fromOldest = -1

// feed is the log of the latest changes, in order of revision.
type feed struct {
	maxEvents, maxBytes int

	mu       sync.RWMutex
	events   []kv.Event
	bytes    int
	reached  int64         // the store's revision
	lost     int64         // the last revision whose event is not kept
	appended chan struct{} // closed by the next event, or the end
	closed   bool
}

func newFeed(maxEvents, maxBytes int) *feed {
	return &feed{maxEvents: maxEvents, maxBytes: maxBytes, appended: make(chan struct{})}
}

func size(e kv.Event) int { return len(e.Key) + len(e.Value) }

// append adds an event and wakes the watchers. The feed keeps e.
func (f *feed) append(e kv.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return // nobody watches; it is in the file
	}
	if len(f.events) == 0 {
		f.lost = e.Revision - 1
	}
	f.events = append(f.events, e)
	f.reached = e.Revision
	f.bytes += size(e)
	for len(f.events) > f.maxEvents || f.bytes > f.maxBytes {
		f.bytes -= size(f.events[0])
		f.lost = f.events[0].Revision
		f.events[0] = kv.Event{} // so that the bytes can be freed
		f.events = f.events[1:]
	}
	close(f.appended)
	f.appended = make(chan struct{})
}

// reach says what the store's revision is, whether its event is kept or not.
func (f *feed) reach(revision int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) == 0 {
		f.lost = revision
	}
	f.reached = revision
}

func (f *feed) last() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.reached
}

func (f *feed) dropped() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.lost
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		close(f.appended)
	}
}

// since gives copies of the next events after a position whose keys start with
// prefix, and the position behind them. At the feed's end there is a channel
// instead that is closed when it goes on.
func (f *feed) since(position int64, prefix string) (events []kv.Event, next int64, more <-chan struct{}, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if position == fromOldest {
		position = f.lost
	}
	switch {
	case f.closed:
		return nil, 0, nil, errClosed
	case position < f.lost:
		return nil, 0, nil, kv.ErrCompacted.Detailf("the changes up to revision %d are no longer kept; list again", f.lost)
	case position > f.reached:
		return nil, 0, nil, kv.ErrCompacted.Detailf("the store is at revision %d and not at %d; list again", f.reached, position)
	}
	first, _ := slices.BinarySearchFunc(f.events, position+1, func(e kv.Event, revision int64) int { return int(e.Revision - revision) })
	passed := f.events[first:min(first+batch, len(f.events))]
	if len(passed) == 0 {
		return nil, position, f.appended, nil
	}
	events, next = matching(passed, prefix)
	return events, next, nil, nil
}

// matching gives copies of the events of a prefix, as many as make a batch, and
// the revision up to which it has looked.
func matching(events []kv.Event, prefix string) (found []kv.Event, last int64) {
	for total := 0; len(events) > 0 && total < batchBytes; events = events[1:] {
		e := events[0]
		last = e.Revision
		if strings.HasPrefix(e.Key, prefix) {
			e.Value = bytes.Clone(e.Value)
			found = append(found, e)
			total += size(e)
		}
	}
	return found, last
}

// Watch implements kv.Store.
func (s *Store) Watch(ctx context.Context, prefix string, after int64) iter.Seq2[kv.Event, error] {
	position := after
	if after <= 0 {
		position = fromOldest
	}
	return func(yield func(kv.Event, error) bool) {
		if err := s.follow(ctx, prefix, position, yield); err != nil {
			yield(kv.Event{}, err)
		}
	}
}

// follow yields events until something ends it; nil means that the caller has
// had enough.
func (s *Store) follow(ctx context.Context, prefix string, position int64, yield func(kv.Event, error) bool) error {
	for ctx.Err() == nil {
		events, next, more, err := s.feed.since(position, prefix)
		if err != nil {
			return err
		}
		for _, e := range events {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !yield(e, nil) {
				return nil
			}
		}
		position = next
		if more != nil {
			select {
			case <-more:
			case <-ctx.Done():
			}
		}
	}
	return context.Cause(ctx)
}
