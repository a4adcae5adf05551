package kvcheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// ErrWritten says that a key which is written once has another value.
var ErrWritten = fault.New(fault.Conflict, "written-once", "this key has a value, which is never changed")

// Once is a store in which the keys that written picks are written once: put
// again, the same value changes nothing and another one is ErrWritten. They can
// be deleted, and do not expire.
func Once(s kv.Store, written func(key string) bool) kv.Store { return once{s, written} }

type once struct {
	kv.Store
	written func(key string) bool
}

// Put implements kv.Store.
func (o once) Put(ctx context.Context, key string, value []byte, opts kv.PutOptions) (kv.Entry, bool, error) {
	if err := kv.CheckPut(key, value, opts); err != nil {
		return kv.Entry{}, false, err
	}
	switch {
	case !o.written(key):
		return o.Store.Put(ctx, key, value, opts)
	case opts.TTL != 0:
		return kv.Entry{}, false, kv.ErrTTL.Detailf("%q is written once and does not expire", key)
	case opts.IfMatch != 0:
		return o.keep(ctx, key, value, opts.IfMatch)
	}
	e, created, err := o.Store.Put(ctx, key, value, kv.PutOptions{IfAbsent: true})
	if opts.IfAbsent || !errors.Is(err, kv.ErrStale) {
		return e, created, err
	}
	return o.keep(ctx, key, value, 0)
}

// keep leaves the key as it is, if that is what was wanted.
func (o once) keep(ctx context.Context, key string, value []byte, revision int64) (kv.Entry, bool, error) {
	e, err := o.Get(ctx, key)
	switch {
	case errors.Is(err, kv.ErrNotFound) || err == nil && revision != 0 && e.Revision != revision:
		return kv.Entry{}, false, fmt.Errorf("kv put %q: %w", key, kv.ErrStale)
	case err != nil:
		return kv.Entry{}, false, err
	case !bytes.Equal(e.Value, value):
		return kv.Entry{}, false, ErrWritten.Detailf("%q has another value, which is never changed", key)
	}
	return e, false, nil
}
