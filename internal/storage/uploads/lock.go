package uploads

import (
	"context"
	"errors"

	"github.com/tus/tusd/v2/pkg/handler"

	"minilab/internal/kv/kvlock"
)

// lockPrefix begins the keys of locks.
const lockPrefix = "locks/uploads/"

// locker is tusd's Locker by leases in the key-value store.
type locker struct{ locks *kvlock.Locks }

// NewLock implements handler.Locker.
func (l locker) NewLock(id string) (handler.Lock, error) {
	if !validID(id) {
		return nil, handler.ErrNotFound
	}
	return &lock{locks: l.locks, id: id}, nil
}

type lock struct {
	locks *kvlock.Locks
	id    string
	held  *kvlock.Held
}

// Lock implements handler.Lock.
func (l *lock) Lock(ctx context.Context, requestUnlock func()) error {
	c := callOf(ctx)
	held, err := l.locks.Acquire(ctx, lockPrefix+l.id, requestUnlock)
	if errors.Is(err, context.DeadlineExceeded) {
		err = ErrBusy
	}
	if err != nil {
		return c.failed(err)
	}
	l.held = held
	c.holds(held)
	return nil
}

// Unlock implements handler.Lock.
func (l *lock) Unlock() error {
	l.held.Release()
	return nil
}
