// Package kv is the contract of the key-value store: configuration, presets
// and service discovery live here. The engines are in sqlitekv and etcdkv, the
// wire is kvhttp, and all of them pass the suite of kvtest.
package kv

import (
	"context"
	"iter"
	"time"
	"unicode/utf8"

	"minilab/internal/fault"
)

// Limits that hold in every engine.
const (
	MaxKey       = 512     // bytes
	MaxValue     = 1 << 20 // bytes
	MaxPage      = 1000    // entries of one List
	MaxPageBytes = 2 << 20 // of the values of one List; the entry that exceeds it ends the page
	MinTTL       = time.Second
	MaxTTL       = 30 * 24 * time.Hour
	ExpiryLate   = 5 * time.Second // an expired key is gone at most this long after its time
)

// Faults of the contract.
var (
	ErrNotFound  = fault.New(fault.NotFound, "not-found", "not found")
	ErrStale     = fault.New(fault.Stale, "stale", "the key has been changed by somebody else")
	ErrCompacted = fault.New(fault.Gone, "compacted", "these changes are no longer kept; list again")
	ErrKey       = fault.New(fault.Invalid, "invalid-key", "the key is not valid")
	ErrValue     = fault.New(fault.TooLarge, "value-too-large", "the value is over the limit")
	ErrTTL       = fault.New(fault.Invalid, "invalid-ttl", "the time to live is not valid")
	ErrCursor    = fault.New(fault.Invalid, "invalid-cursor", "the cursor is not one that was given out")
)

// Entry is a key with its value.
type Entry struct {
	Key      string
	Value    []byte
	Revision int64         // of the last change of this key, from 1
	TTL      time.Duration // as it was put, not what is left of it; 0: does not expire
}

// PutOptions are the conditions and the life of a Put. The zero value puts
// unconditionally and for ever.
type PutOptions struct {
	TTL      time.Duration // 0, or MinTTL to MaxTTL
	IfMatch  int64         // not 0: only if the key exists at this revision
	IfAbsent bool          // only if the key does not exist
}

// Page is a part of a listing. Entries are in the order of their keys' bytes.
type Page struct {
	Revision int64 // of the store when the first page was made
	Entries  []Entry
	Next     string // cursor of the next page; empty on the last one
}

// Event is a change of one key.
type Event struct {
	Entry        // of a deletion: the key and the revision of the deletion
	Deleted bool // deleted or expired
}

// Store is a key-value store. Every change of any key gets the next revision
// of the store, so revisions order all changes. A Store is safe for concurrent
// use; it keeps no reference to a value handed in and hands none out.
type Store interface {
	// Get reads a key. It is ErrNotFound when the key does not exist or has expired.
	Get(ctx context.Context, key string) (Entry, error)

	// Put writes a key, gives what is stored now, and says whether the key was
	// created. Of racing writers with
	// the same condition exactly one wins; the others get ErrStale. A Put of
	// the same value and TTL as the key already has starts the TTL afresh
	// without a new revision and without an event (only with a TTL; without
	// one every Put is a change). A Put without TTL makes the key permanent.
	// After a restart of the store every TTL starts afresh.
	Put(ctx context.Context, key string, value []byte, opts PutOptions) (e Entry, created bool, err error)

	// Delete removes a key; ifMatch, if not 0, is the revision that it must be
	// at, else ErrStale. Deleting what does not exist succeeds without an event
	// when ifMatch is 0 and is ErrStale otherwise.
	Delete(ctx context.Context, key string, ifMatch int64) error

	// List gives the entries whose keys start with prefix, limit at a time (0
	// or more than MaxPage: MaxPage; fewer when their values exceed
	// MaxPageBytes). A cursor goes with its prefix; any other text is
	// ErrCursor. Entries may be newer than Page.Revision: watch after it and
	// nothing is missed.
	List(ctx context.Context, prefix, cursor string, limit int) (Page, error)

	// Watch yields, in order of revision and without a gap, every change after
	// the revision to a key that starts with prefix, first those of the past,
	// then each as it happens. It ends with an error: the context's, or
	// ErrCompacted when changes after the revision are no longer kept or the
	// store never got that far (it was replaced), or whatever broke. After 0
	// means: from the oldest change that is kept.
	Watch(ctx context.Context, prefix string, after int64) iter.Seq2[Event, error]
}

// CheckKey is ErrKey unless the key is 1 to MaxKey bytes of UTF-8.
func CheckKey(key string) error {
	switch {
	case key == "":
		return ErrKey.Detailf("a key has at least one byte")
	case len(key) > MaxKey:
		return ErrKey.Detailf("a key has at most %d bytes, got %d", MaxKey, len(key))
	case !utf8.ValidString(key):
		return ErrKey.Detailf("a key is UTF-8")
	}
	return nil
}

// CheckPut is the error of the first thing that is wrong with a Put's arguments.
func CheckPut(key string, value []byte, opts PutOptions) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return ErrValue.Detailf("a value has at most %d bytes, got %d", MaxValue, len(value))
	}
	if opts.TTL != 0 && (opts.TTL < MinTTL || opts.TTL > MaxTTL) {
		return ErrTTL.Detailf("a TTL is between %v and %v, got %v", MinTTL, MaxTTL, opts.TTL)
	}
	if opts.IfMatch < 0 || opts.IfMatch != 0 && opts.IfAbsent {
		return fault.ErrInvalid.Detailf("a put is conditional on one revision or on absence, not both")
	}
	return nil
}

// PageLimit is the number of entries that a List with this limit gives.
func PageLimit(limit int) int {
	if limit <= 0 || limit > MaxPage {
		return MaxPage
	}
	return limit
}
