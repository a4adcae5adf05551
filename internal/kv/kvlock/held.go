package kvlock

import (
	"context"
	"errors"
	"sync"
	"time"

	"minilab/internal/kv"
)

const (
	renewShare  = 3   // of the TTL passes between two renewals
	lifeShare   = 0.8 // of the TTL a lock is believed without one
	releaseTime = 5 * time.Second

	// quiet is how long a lock is held before its key is watched: most are
	// given back sooner, and nothing is missed.
	quiet = 50 * time.Millisecond
)

// Held is a lock that was taken.
type Held struct {
	locks *Locks
	key   string
	turn  string
	asked func()
	end   func()
	done  sync.WaitGroup

	mu      sync.Mutex
	entry   kv.Entry
	renewed time.Time // when the last renewal was sent
	lost    bool
}

func (l *Locks) hold(ctx context.Context, e kv.Entry, mine lease, sent time.Time, asked func()) *Held {
	last := context.WithoutCancel(ctx)
	ctx, stop := context.WithCancel(last)
	h := &Held{locks: l, key: e.Key, turn: mine.Turn, asked: sync.OnceFunc(asked), entry: e, renewed: sent}
	h.end = func() {
		stop()
		h.done.Wait()
		h.release(last)
	}
	h.done.Go(func() { h.renewing(ctx) })
	h.done.Go(func() { h.watching(ctx) })
	return h
}

// Valid is ErrLost when another may have the lock by now. It asks nobody.
func (h *Held) Valid() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lost || since(h.renewed) > time.Duration(float64(h.locks.TTL)*lifeShare) {
		return ErrLost
	}
	return nil
}

// since is the time that has passed by the clock that shows more: one stands
// still while the machine sleeps, the other may be put back.
func since(t time.Time) time.Duration {
	return max(time.Since(t), time.Since(t.Round(0)))
}

// Release gives the lock back.
func (h *Held) Release() { h.end() }

func (h *Held) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	for !h.lost {
		err := h.locks.KV.Delete(ctx, h.key, h.entry.Revision)
		if !errors.Is(err, kv.ErrStale) {
			return // else it expires
		}
		if !h.look(ctx) {
			return
		}
	}
}

func (h *Held) renewing(ctx context.Context) {
	for sleep(ctx, h.locks.TTL/renewShare) == nil {
		h.renew(ctx)
		if h.Valid() != nil {
			h.asked()
		}
	}
}

// renew puts the same once more, which only starts the TTL afresh.
func (h *Held) renew(ctx context.Context) {
	h.mu.Lock()
	e := h.entry
	h.mu.Unlock()
	sent := time.Now()
	ctx, cancel := context.WithTimeout(ctx, h.locks.TTL/renewShare)
	defer cancel()
	_, _, err := h.locks.KV.Put(ctx, h.key, e.Value, kv.PutOptions{TTL: h.locks.TTL, IfMatch: e.Revision})
	if errors.Is(err, kv.ErrStale) {
		h.look(ctx)
	}
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.renewed = sent
}

func (h *Held) watching(ctx context.Context) {
	for wait := quiet; sleep(ctx, wait) == nil; wait = pause {
		h.look(ctx) // what a broken watch has missed
		for ev, err := range h.locks.KV.Watch(ctx, h.key, h.revision()) {
			if err != nil {
				break
			}
			if ev.Key == h.key {
				h.look(ctx)
			}
		}
	}
}

func (h *Held) revision() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.entry.Revision
}

// look reads the lease, and says whether that could be done.
func (h *Held) look(ctx context.Context) bool {
	e, err := h.locks.KV.Get(ctx, h.key)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return false
	}
	now := parse(e)
	h.mu.Lock()
	if h.lost = h.lost || now.Turn != h.turn; !h.lost {
		h.entry = e
	}
	lost := h.lost
	h.mu.Unlock()
	if lost || now.Wanted {
		h.asked()
	}
	return true
}
