package kvcheck_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/kv"
	"minilab/internal/kv/kvcheck"
	"minilab/internal/kv/kvtest"
)

func openOnce(t *testing.T) kv.Store {
	t.Helper()
	return kvcheck.Once(open(t), func(key string) bool { return strings.HasPrefix(key, "once/") })
}

func TestOnceIsAStore(t *testing.T) { kvtest.Run(t, openOnce, kvtest.Options{}) }

func TestWrittenOnce(t *testing.T) {
	s := openOnce(t)
	put := func(value string, opts kv.PutOptions) (kv.Entry, bool, error) {
		t.Helper()
		return s.Put(t.Context(), "once/a", []byte(value), opts)
	}
	refused := func(what string, err, want error) {
		t.Helper()
		e, got := s.Get(t.Context(), "once/a")
		if !errors.Is(err, want) || got != nil || string(e.Value) != "first" {
			t.Errorf("%s: %v, want %v; the key has %q, %v", what, err, want, e.Value, got)
		}
	}
	_, _, err := put("first", kv.PutOptions{IfMatch: 7})
	if !errors.Is(err, kv.ErrStale) {
		t.Errorf("a revision of what is not there: %v", err)
	}
	first, created, err := put("first", kv.PutOptions{})
	if err != nil || !created {
		t.Fatalf("the first: %v, %v", created, err)
	}
	for _, opts := range []kv.PutOptions{{}, {IfMatch: first.Revision}} {
		if e, created, err := put("first", opts); err != nil || created || e.Revision != first.Revision {
			t.Errorf("the same again: %+v, %v, %v", e, created, err)
		}
		_, _, err := put("second", opts)
		refused("another value", err, kvcheck.ErrWritten)
	}
	for _, value := range []string{"first", "second"} {
		_, _, err = put(value, kv.PutOptions{IfAbsent: true})
		refused("what must be absent", err, kv.ErrStale)
		_, _, err = put(value, kv.PutOptions{IfMatch: first.Revision + 1})
		refused("another revision", err, kv.ErrStale)
		_, _, err = put(value, kv.PutOptions{TTL: time.Minute})
		refused("a time to live", err, kv.ErrTTL)
	}
	if err := s.Delete(t.Context(), "once/a", 0); err != nil {
		t.Fatal(err)
	}
	if _, created, err := put("second", kv.PutOptions{IfAbsent: true}); err != nil || !created {
		t.Errorf("after it was deleted: %v, %v", created, err)
	}
}

func TestOfRacingWritersOneWritesOnce(t *testing.T) {
	s := openOnce(t)
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			_, created, err := s.Put(t.Context(), "once/a", fmt.Append(nil, i), kv.PutOptions{})
			switch {
			case created && err == nil:
				won.Add(1)
			case !errors.Is(err, kvcheck.ErrWritten):
				t.Errorf("%d: %v, %v", i, created, err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d have written", won.Load())
	}
}
