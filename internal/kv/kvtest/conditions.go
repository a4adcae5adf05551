package kvtest

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

var conditionCases = []testCase{
	{"a put if absent creates only", putIfAbsent},
	{"a put if match replaces that revision only", putIfMatch},
	{"a delete if match removes that revision only", deleteIfMatch},
	{"of racing creators one wins", racingCreators},
	{"of racing replacers one wins each time", racingReplacers},
	{"of racing deleters one wins", racingDeleters},
}

func putIfAbsent(t *testing.T, s kv.Store) {
	e := put(t, s, "a", "1", kv.PutOptions{IfAbsent: true})
	_, _, err := s.Put(t.Context(), "a", []byte("2"), kv.PutOptions{IfAbsent: true})
	wantError(t, err, kv.ErrStale)
	wantEntry(t, get(t, s, "a"), e)
	remove(t, s, "a")
	again := put(t, s, "a", "3", kv.PutOptions{IfAbsent: true})
	wantEntry(t, get(t, s, "a"), again)
	_, _, err = s.Put(t.Context(), "b", nil, kv.PutOptions{IfAbsent: true, IfMatch: 1})
	wantError(t, err, fault.ErrInvalid)
	wantAbsent(t, s, "b")
}

func putIfMatch(t *testing.T, s kv.Store) {
	_, _, err := s.Put(t.Context(), "a", nil, kv.PutOptions{IfMatch: 1})
	wantError(t, err, kv.ErrStale)
	wantAbsent(t, s, "a")
	first := put(t, s, "a", "1", kv.PutOptions{})
	second := put(t, s, "a", "2", kv.PutOptions{IfMatch: first.Revision})
	for _, stale := range []int64{first.Revision, second.Revision + 1} {
		_, _, err = s.Put(t.Context(), "a", []byte("3"), kv.PutOptions{IfMatch: stale})
		wantError(t, err, kv.ErrStale)
	}
	wantEntry(t, get(t, s, "a"), second)
	remove(t, s, "a")
	_, _, err = s.Put(t.Context(), "a", []byte("4"), kv.PutOptions{IfMatch: second.Revision})
	wantError(t, err, kv.ErrStale)
	wantAbsent(t, s, "a")
}

func deleteIfMatch(t *testing.T, s kv.Store) {
	wantError(t, s.Delete(t.Context(), "a", 1), kv.ErrStale)
	first := put(t, s, "a", "1", kv.PutOptions{})
	second := put(t, s, "a", "2", kv.PutOptions{})
	wantError(t, s.Delete(t.Context(), "a", first.Revision), kv.ErrStale)
	wantEntry(t, get(t, s, "a"), second)
	if err := s.Delete(t.Context(), "a", second.Revision); err != nil {
		t.Errorf("delete the current revision: %v", err)
	}
	wantAbsent(t, s, "a")
	wantError(t, s.Delete(t.Context(), "a", second.Revision), kv.ErrStale)
}

// race runs f n times at once and counts those that won; all others must have
// failed with ErrStale.
func race(t *testing.T, n int, f func(i int) error) int {
	t.Helper()
	var start, done sync.WaitGroup
	var won atomic.Int64
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			switch err := f(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, kv.ErrStale):
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	start.Done()
	done.Wait()
	return int(won.Load())
}

func racingCreators(t *testing.T, s kv.Store) {
	w := watch(t, s, "", 0)
	won := race(t, 32, func(i int) error {
		_, _, err := s.Put(t.Context(), "a", []byte(strconv.Itoa(i)), kv.PutOptions{IfAbsent: true})
		return err
	})
	if won != 1 {
		t.Errorf("%d creators won", won)
	}
	wantPut(t, w, get(t, s, "a"))
	wantPut(t, w, put(t, s, "b", "", kv.PutOptions{})) // the losers made no event
}

func racingReplacers(t *testing.T, s kv.Store) {
	current := put(t, s, "a", "", kv.PutOptions{})
	for range 5 {
		won := race(t, 16, func(i int) error {
			_, _, err := s.Put(t.Context(), "a", []byte(strconv.Itoa(i)), kv.PutOptions{IfMatch: current.Revision})
			return err
		})
		if won != 1 {
			t.Fatalf("%d replacers won", won)
		}
		current = get(t, s, "a")
	}
}

func racingDeleters(t *testing.T, s kv.Store) {
	e := put(t, s, "a", "", kv.PutOptions{})
	won := race(t, 16, func(int) error { return s.Delete(t.Context(), "a", e.Revision) })
	if won != 1 {
		t.Errorf("%d deleters won", won)
	}
	wantAbsent(t, s, "a")
}
