// Package kvcheck is a kv.Store that judges what is written under some
// prefixes, so that what others will believe is never there in the first place.
//
//	store = kvcheck.New(store, map[string]kvcheck.Check{"presets/": checkPreset})
package kvcheck

import (
	"context"
	"fmt"
	"strings"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// ErrRefused says that a value is not one that its key may have; its detail
// says why.
var ErrRefused = fault.New(fault.Invalid, "invalid-value", "the value is not one that this key may have")

// Check judges a value; the name is the key without the prefix. An error that
// is a fault goes to the caller as it is, any other as ErrRefused.
type Check func(ctx context.Context, name string, value []byte) error

// Store checks before it puts.
type Store struct {
	kv.Store
	checks map[string]Check
}

var _ kv.Store = (*Store)(nil)

// New puts the checks, by prefix, before a store.
func New(s kv.Store, checks map[string]Check) *Store { return &Store{s, checks} }

// Put implements kv.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, opts kv.PutOptions) (kv.Entry, bool, error) {
	if err := kv.CheckPut(key, value, opts); err != nil {
		return kv.Entry{}, false, err
	}
	for prefix, check := range s.checks {
		name, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if err := check(ctx, name, value); err != nil {
			return kv.Entry{}, false, fmt.Errorf("kv put %q: %w", key, refusal(err))
		}
	}
	return s.Store.Put(ctx, key, value, opts)
}

// refusal is the error as the caller may see it.
func refusal(err error) error {
	if fault.KindOf(err) != fault.Internal {
		return err
	}
	return ErrRefused.Detailf("%v", err)
}
