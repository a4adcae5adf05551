// Package storagetest is the suite that every implementation of the image
// storage passes, the client of its wire included. Each case is a sentence of
// the contract in package storage.
package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"minilab/internal/storage"
)

// A Subject is an empty store under test.
type Subject struct {
	storage.Store

	// Stored counts what the store physically keeps: files, objects, pieces of
	// uploads that have not ended. What a failed Put has left over shows here.
	Stored func() int

	// Damage changes one of the bytes that are kept of an image, and nothing
	// else.
	Damage func(state storage.State, key string)
}

// Options are the real differences between implementations.
type Options struct {
	Large     int64 // bytes of the image that is streamed; 0: 64 MiB
	Allocated int64 // bytes that streaming it may allocate in all; 0: 8 MiB
}

// Run tests the stores that open gives, a fresh one for each case.
func Run(t *testing.T, open func(t *testing.T) Subject, opts Options) {
	for _, group := range [][]testCase{keyCases, putCases, copyCases, failureCases, getCases, listCases, raceCases, largeCases} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) { c.run(&suite{T: t, Subject: open(t), opts: opts}) })
		}
	}
	for _, c := range slices.Concat(copyCases, getCases) {
		t.Run("of an announced size: "+c.name, func(t *testing.T) { c.run(&suite{T: t, Subject: open(t), opts: opts, announced: true}) })
	}
}

type testCase struct {
	name string
	run  func(s *suite)
}

type suite struct {
	*testing.T
	Subject
	opts      Options
	announced bool // put says the size
}

// unknown are the options of bytes of which nothing is known.
var unknown = storage.PutOptions{Size: storage.Unknown}

// states are all there are.
var states = []storage.State{storage.InProgress, storage.Finished}

func (s *suite) put(state storage.State, key string, data []byte) storage.Info {
	s.Helper()
	opts := unknown
	if s.announced {
		opts.Size = int64(len(data))
	}
	info, err := s.Put(s.Context(), state, key, bytes.NewReader(data), opts)
	if err != nil {
		s.Fatalf("Put %s/%q: %v", state, key, err)
	}
	return info
}

func (s *suite) get(state storage.State, key string, part storage.Part) storage.Object {
	s.Helper()
	obj, err := s.Get(s.Context(), state, key, part)
	if err != nil {
		s.Fatalf("Get %s/%q %+v: %v", state, key, part, err)
	}
	s.Cleanup(func() { obj.Body.Close() })
	return obj
}

// has fails unless the image is exactly data, by every way to ask.
func (s *suite) has(state storage.State, key string, data []byte) {
	s.Helper()
	obj := s.get(state, key, storage.Part{})
	defer obj.Body.Close()
	got, err := io.ReadAll(obj.Body)
	if err != nil || !bytes.Equal(got, data) {
		s.Errorf("Get %s/%q: %d bytes %.20q, %v; want %d bytes %.20q", state, key, len(got), got, err, len(data), data)
	}
	s.describes(obj.Info, state, key, data)
	info, err := s.Stat(s.Context(), state, key)
	if err != nil {
		s.Errorf("Stat %s/%q: %v", state, key, err)
	}
	s.describes(info, state, key, data)
}

func (s *suite) hasNot(state storage.State, key string) {
	s.Helper()
	_, err := s.Get(s.Context(), state, key, storage.Part{})
	s.is(err, storage.ErrNotFound)
	_, err = s.Stat(s.Context(), state, key)
	s.is(err, storage.ErrNotFound)
}

func (s *suite) describes(info storage.Info, state storage.State, key string, data []byte) {
	s.Helper()
	if info.Key != key || info.State != state || info.Size != int64(len(data)) || info.SHA256 != digest(data) {
		s.Errorf("%+v is not the info of %s/%q, %d bytes with the SHA-256 %s", info, state, key, len(data), digest(data))
	}
	if age := time.Since(info.Modified); age < -2*time.Second || age > time.Minute || info.Modified.Location() != time.UTC {
		s.Errorf("%s/%q was modified at %v", state, key, info.Modified)
	}
}

func (s *suite) is(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("got the error %v, want %v", err, want)
	}
}

// unchanged fails when f leaves anything behind.
func (s *suite) unchanged(f func()) {
	s.Helper()
	before := s.Stored()
	f()
	if after := s.Stored(); after != before {
		s.Errorf("%d things were stored before and %d afterwards", before, after)
	}
}

// all lists a state page by page.
func (s *suite) all(state storage.State, limit int) []storage.Info {
	s.Helper()
	var infos []storage.Info
	for cursor := ""; ; {
		page, err := s.List(s.Context(), state, cursor, limit)
		if err != nil {
			s.Fatalf("List %s after %q: %v", state, cursor, err)
		}
		if len(page.Infos) > storage.PageLimit(limit) {
			s.Errorf("a page of at most %d has %d images", limit, len(page.Infos))
		}
		if page.Next != "" && page.Next == cursor {
			s.Fatalf("List %s after %q leads back there", state, cursor)
		}
		infos = append(infos, page.Infos...)
		if cursor = page.Next; cursor == "" {
			return infos
		}
	}
}

func keysOf(infos []storage.Info) []string {
	keys := make([]string, len(infos))
	for i, info := range infos {
		keys[i] = info.Key
	}
	slices.Sort(keys)
	return keys
}

// some is n bytes that differ from those of any other seed.
func some(n int, seed uint64) []byte {
	p := make([]byte, n)
	stream(seed).Read(p)
	return p
}

// stream never ends.
func stream(seed uint64) io.Reader { return rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}) }

func digest(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// failing yields the bytes of r and then err instead of io.EOF. It counts its
// reads without a lock: the race detector sees one that comes after the Put.
type failing struct {
	r     io.Reader
	err   error
	reads int
}

func (f *failing) Read(p []byte) (int, error) {
	f.reads++
	n, err := f.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = f.err
	}
	return n, err
}

// canceling calls cancel when half of its bytes have been read, and goes on.
type canceling struct {
	r      io.Reader
	rest   int
	cancel context.CancelFunc
	reads  int
}

func (c *canceling) Read(p []byte) (int, error) {
	c.reads++
	n, err := c.r.Read(p[:min(len(p), 4096)])
	if c.rest -= n; c.rest <= 0 {
		c.cancel()
	}
	return n, err
}
