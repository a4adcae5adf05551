package auth

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"minilab/internal/kv"
)

// A key's last use is written down at most this often by one process, which
// takes useTime at most for that.
const (
	useEvery = time.Minute
	useTime  = 5 * time.Second
)

// usage is when keys were used last. Requests note it in memory; run writes it
// down behind them.
type usage struct {
	store kv.Store
	fresh chan struct{} // a key was used that has not been for a while

	mu   sync.Mutex
	keys map[string]use
}

type use struct {
	last  time.Time
	noted time.Time // the use that is written down
	tried time.Time // when it was tried to write one down
}

func newUsage(store kv.Store) *usage {
	return &usage{store: store, fresh: make(chan struct{}, 1), keys: map[string]use{}}
}

// note never waits for the store.
func (u *usage) note(id string, now time.Time) {
	u.mu.Lock()
	one := u.keys[id]
	one.last = now
	u.keys[id] = one
	due := now.Sub(one.tried) >= useEvery
	u.mu.Unlock()
	if !due {
		return
	}
	select {
	case u.fresh <- struct{}{}:
	default:
	}
}

// run writes uses down until ctx ends, and then what is left. Of a key that is
// not known any more nothing is written.
func (u *usage) run(ctx context.Context, known func(id string) bool, log *slog.Logger) {
	tick := time.NewTicker(useEvery)
	defer tick.Stop()
	for {
		select {
		case <-u.fresh:
			u.write(ctx, u.due(time.Now(), useEvery), known, log)
		case <-tick.C:
			u.write(ctx, u.due(time.Now(), useEvery), known, log)
		case <-ctx.Done():
			u.write(context.WithoutCancel(ctx), u.due(time.Now(), 0), known, log)
			return
		}
	}
}

// due is the uses that are not written down, of keys for which that was not
// tried for so long.
func (u *usage) due(now time.Time, pause time.Duration) map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := map[string]time.Time{}
	for id, one := range u.keys {
		if now.Sub(one.tried) < pause || !one.last.After(one.noted) {
			continue
		}
		list[id] = one.last
		one.tried = now
		u.keys[id] = one
	}
	return list
}

func (u *usage) write(ctx context.Context, list map[string]time.Time, known func(id string) bool, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, useTime)
	defer cancel()
	maps.DeleteFunc(list, func(id string, _ time.Time) bool { return !known(id) })
	for id, at := range list {
		if err := u.put(ctx, id, at); err != nil {
			log.DebugContext(ctx, "the last use of a key is not written down", "key", id, "error", err)
			continue
		}
		u.mu.Lock()
		one := u.keys[id]
		one.noted = at
		u.keys[id] = one
		u.mu.Unlock()
	}
}

// put leaves a later use alone that another process has noted.
func (u *usage) put(ctx context.Context, id string, at time.Time) error {
	opts := kv.PutOptions{}
	switch e, err := u.store.Get(ctx, usedPrefix+id); {
	case errors.Is(err, kv.ErrNotFound):
		opts.IfAbsent = true
	case err != nil:
		return err
	default:
		if noted, err := time.Parse(time.RFC3339, string(e.Value)); err == nil && noted.After(at) {
			return nil
		}
		opts.IfMatch = e.Revision
	}
	_, _, err := u.store.Put(ctx, usedPrefix+id, []byte(at.UTC().Format(time.RFC3339)), opts)
	return err
}
