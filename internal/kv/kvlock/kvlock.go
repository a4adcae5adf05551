// Package kvlock is a lock that several processes share: a lease on a key of
// the key-value store, taken and kept by compare-and-swap.
//
//	locks := kvlock.New(kvlock.Config{KV: store, TTL: 10 * time.Second, Name: instance})
//	held, err := locks.Acquire(ctx, "locks/uploads/"+id, func() { stop() })
//	defer held.Release()
//	for … {
//		if err := held.Valid(); err != nil { return err } // before each change
//	}
//
// Who wants a lock that another has notes so in the lease, and its holder is
// asked to let go. A holder that has died loses the lock when its lease ends.
package kvlock

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// ErrLost is the fault of a holder whose lease has ended, or as good as ended
// because it could not be renewed.
var ErrLost = fault.New(fault.Unavailable, "lock-lost", "the lock of this was lost; try again")

// pause is between two attempts while the store is away.
const pause = 200 * time.Millisecond

// Config is what locks are made with.
type Config struct {
	KV   kv.Store
	TTL  time.Duration // of a lease whose holder is silent
	Name string        // of this process among all that lock

	// Dead says of a holder's name that it is certainly gone, so that its lock
	// need not be waited for; nil: nobody knows.
	Dead func(name string) bool
}

// Locks are the locks of one process.
type Locks struct{ Config }

// New makes locks.
func New(c Config) *Locks {
	if c.Dead == nil {
		c.Dead = func(string) bool { return false }
	}
	return &Locks{c}
}

// lease is the value of a lock's key.
type lease struct {
	Holder string `json:"holder"`
	Turn   string `json:"turn"` // differs for each time that the lock is taken
	Wanted bool   `json:"wanted,omitempty"`
}

func (l lease) text() []byte {
	text, _ := json.Marshal(l) // strings and a flag
	return text
}

func parse(e kv.Entry) (l lease) {
	_ = json.Unmarshal(e.Value, &l) // what nobody can read is held by nobody, until it expires
	return l
}

// Acquire waits for the lock until ctx ends. Once it is held, asked is called
// when somebody else wants it, and when it is lost.
func (l *Locks) Acquire(ctx context.Context, key string, asked func()) (*Held, error) {
	mine := lease{Holder: l.Name, Turn: rand.Text()}
	for {
		sent := time.Now()
		e, err := l.take(ctx, key, mine)
		if err == nil {
			return l.hold(ctx, e, mine, sent, asked), nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !errors.Is(err, kv.ErrStale) {
			return nil, err
		}
		if err := l.await(ctx, key); err != nil {
			return nil, err
		}
	}
}

// take is kv.ErrStale when another has the lock.
func (l *Locks) take(ctx context.Context, key string, mine lease) (kv.Entry, error) {
	e, _, err := l.KV.Put(ctx, key, mine.text(), kv.PutOptions{TTL: l.TTL, IfAbsent: true})
	if !errors.Is(err, kv.ErrStale) {
		return e, err
	}
	now, err := l.KV.Get(ctx, key)
	if errors.Is(err, kv.ErrNotFound) || err == nil && !l.Dead(parse(now).Holder) {
		err = kv.ErrStale
	}
	if err != nil {
		return now, err
	}
	e, _, err = l.KV.Put(ctx, key, mine.text(), kv.PutOptions{TTL: l.TTL, IfMatch: now.Revision})
	return e, err
}

// await asks the holder to let go and returns when the lock has changed.
func (l *Locks) await(ctx context.Context, key string) error {
	e, err := l.ask(ctx, key)
	if errors.Is(err, kv.ErrNotFound) || errors.Is(err, kv.ErrStale) {
		return nil
	}
	if err != nil {
		return err
	}
	for ev, err := range l.KV.Watch(ctx, key, e.Revision) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return sleep(ctx, pause)
		}
		if ev.Key == key {
			return nil
		}
	}
	return nil
}

func (l *Locks) ask(ctx context.Context, key string) (kv.Entry, error) {
	e, err := l.KV.Get(ctx, key)
	if err != nil {
		return e, err
	}
	now := parse(e)
	if now.Wanted {
		return e, nil
	}
	now.Wanted = true
	e, _, err = l.KV.Put(ctx, key, now.text(), kv.PutOptions{TTL: l.TTL, IfMatch: e.Revision})
	return e, err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
