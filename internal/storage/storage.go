// Package storage is the contract of the image storage: the bytes of images
// before and after their modification. The engines are in filestorage and
// s3storage, the wire is storagehttp, and all pass the suite of storagetest.
package storage

import (
	"context"
	"io"
	"time"
	"unicode/utf8"

	"minilab/internal/fault"
)

// State says on which side of the work an image is.
type State string

// The states of an image.
const (
	InProgress State = "inProgress" // pre-modification
	Finished   State = "finished"   // post-modification
)

// Limits that hold in every engine.
const (
	MaxKey         = 512  // bytes
	MaxPage        = 1000 // infos of one List
	MaxContentType = 255  // bytes
)

// Unknown is the size of a stream whose length nobody has said.
const Unknown int64 = -1

// DefaultContentType is what bytes of an unnamed type are.
const DefaultContentType = "application/octet-stream"

// Faults of the contract.
var (
	ErrNotFound    = fault.New(fault.NotFound, "not-found", "not found")
	ErrKey         = fault.New(fault.Invalid, "invalid-key", "the key is not valid")
	ErrState       = fault.New(fault.NotFound, "unknown-state", "the state of an image is inProgress or finished")
	ErrContentType = fault.New(fault.Invalid, "invalid-content-type", "the content type is not valid")
	ErrRange       = fault.New(fault.Range, "range-not-satisfiable", "the image has no such part")
	ErrCursor      = fault.New(fault.Invalid, "invalid-cursor", "the cursor is not one that was given out")
	ErrCut         = fault.New(fault.Invalid, "body-cut", "the body is not of its announced length")
	ErrDigest      = fault.New(fault.Unprocessable, "digest-mismatch", "the bytes are not those of the announced digest")
	ErrCorrupt     = fault.New(fault.Internal, "corrupt", "the stored bytes are damaged and are not served")
	ErrUnreadable  = fault.New(fault.Internal, "unreadable", "the disk failed to read the stored bytes")
	ErrNoSpace     = fault.ErrNoSpace
)

// Info is what is known of stored bytes without reading them.
type Info struct {
	Key         string
	State       State
	Size        int64  // bytes
	SHA256      string // lower-case hex
	ContentType string
	Modified    time.Time // UTC, exact to the second
}

// PutOptions describe the bytes of a Put.
type PutOptions struct {
	ContentType string // empty: DefaultContentType
	Size        int64  // bytes that must come, or Unknown
	SHA256      string // lower-case hex that the bytes must have, or empty
}

// Part selects bytes. The zero value is all of them.
type Part struct {
	Offset int64 // from 0
	Length int64 // 0: to the end; more than there is: to the end
}

// Object is stored bytes being read. The reader closes it. Body yields exactly
// the part; a Body that ends early ends with an error, never with io.EOF.
type Object struct {
	Info
	Part Part // resolved: Length is the exact number of bytes that Body yields
	Body io.ReadCloser
}

// Store keeps images. A Store is safe for concurrent use.
type Store interface {
	// Put reads r to its end and keeps the bytes. When it returns without an
	// error they are durable, and readers see all of them or, before that,
	// what was there before: an overwrite replaces whole, of racing writers one
	// wins whole. After an error (r's, ErrCut, ErrDigest, ErrNoSpace …) nothing
	// has changed and nothing is left over; but when the disk fails at the very
	// end, the new bytes may be there, whole. The digest is computed on the way;
	// memory use does not depend on the size. A cancelled ctx is noticed
	// between two reads of r, and r is not read any more once Put has returned.
	Put(ctx context.Context, state State, key string, r io.Reader, opts PutOptions) (Info, error)

	// Get opens a part of an image. It is ErrNotFound when there is none and
	// ErrRange when the offset is not below the size (an offset of 0 is always
	// fine). An image that is replaced or deleted while it is read is read to
	// its end as it was. Damage is ErrCorrupt before the first byte comes: in a
	// whole image any, in a part what is visible without reading the rest. Bytes
	// that the disk does not give are ErrUnreadable.
	Get(ctx context.Context, state State, key string, part Part) (Object, error)

	// Stat is Get without the bytes.
	Stat(ctx context.Context, state State, key string) (Info, error)

	// Copy gives the image that is under one key another key too, of the same
	// state: the same bytes, type and digest, written now. It is as atomic and
	// durable as a Put, replaces what was under the key, and is ErrNotFound when
	// there is nothing to be copied; damage is not copied but ErrCorrupt. What
	// becomes of one of the two afterwards does not touch the other's bytes; but
	// the time of the first one may be the copy's now. An image that is replaced
	// or deleted meanwhile is copied as it was, or as it is.
	Copy(ctx context.Context, state State, from, to string) (Info, error)

	// Delete removes an image durably. Deleting what does not exist succeeds.
	Delete(ctx context.Context, state State, key string) error

	// List gives the images of a state, limit at a time (0 or more than
	// MaxPage: MaxPage), in an order of the engine's own. Whatever is there
	// during the whole listing comes exactly once. Damaged and unreadable bytes
	// may come with an empty SHA256.
	List(ctx context.Context, state State, cursor string, limit int) (Page, error)
}

// Page is a part of a listing.
type Page struct {
	Infos []Info
	Next  string // cursor of the next page; empty on the last one
}

// ParseState is ErrState for anything that is not a state.
func ParseState(s string) (State, error) {
	switch st := State(s); st {
	case InProgress, Finished:
		return st, nil
	}
	return "", ErrState.Detailf("the state of an image is %s or %s", InProgress, Finished)
}

// CheckKey is ErrKey unless the key is 1 to MaxKey bytes of UTF-8 without a
// zero byte. Anything else goes, "../x" included: a key is a name, not a path,
// and keys that differ in any byte are different.
func CheckKey(key string) error {
	switch {
	case key == "":
		return ErrKey.Detailf("a key has at least one byte")
	case len(key) > MaxKey:
		return ErrKey.Detailf("a key has at most %d bytes, got %d", MaxKey, len(key))
	case !utf8.ValidString(key):
		return ErrKey.Detailf("a key is UTF-8")
	}
	for i := range len(key) {
		if key[i] == 0 {
			return ErrKey.Detailf("a key has no zero byte")
		}
	}
	return nil
}

// Resolve fits a part into size bytes, or is ErrRange.
func (p Part) Resolve(size int64) (Part, error) {
	if p.Offset < 0 || p.Length < 0 || p.Offset > 0 && p.Offset >= size {
		return Part{}, ErrRange.Detailf("the image has %d bytes", size)
	}
	if rest := size - p.Offset; p.Length == 0 || p.Length > rest {
		p.Length = rest
	}
	return p, nil
}

// PageLimit is the number of infos that a List with this limit gives.
func PageLimit(limit int) int {
	if limit <= 0 || limit > MaxPage {
		return MaxPage
	}
	return limit
}
