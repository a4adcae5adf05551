package kvtest

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"minilab/internal/kv"
)

var keyCases = []testCase{
	{"a key that was never put is not found", notFound},
	{"a key is read as it was put", roundTrip},
	{"revisions order all changes", revisions},
	{"awkward keys are distinct keys", awkwardKeys},
	{"keys have limits", keyLimits},
	{"values have limits", valueLimits},
	{"values are any bytes", anyBytes},
	{"no bytes are shared with the caller", byteOwnership},
	{"a cancelled call does nothing", cancelled},
	{"deleting twice succeeds", deleteTwice},
}

// awkward are keys that something between a caller and a store may confuse.
var awkward = []string{
	"a", "A", "ä", "a\u0308", "a/", "a//", "a/b", "a//b", "a/./b", "a/../b", "a/...", "ab", "a b", "a+b", "a%20b", "a%2Fb", "a%252Fb",
	"/", "//", "/a", "/a/", ".", "..", "./", "../", "../..", "/.", "/..", "...", "....", "a/.", "a/..", "a/../", ".a", "..a", "a.", "%", "%%", "%2", "%2e", "%2E", "%00",
	"\x00", "a\x00", "a\x00b", "\n", "a\n", "a\nb", "a\rb", "a\r\nb", "\t", "\x7f", " ", "  ", " a", "a ", "?", "a?b", "a?prefix=b", "#", "a#b", "a&b=c", "a;b", "a=b",
	`\`, `a\b`, `"`, "'", "a'; --", "<a>", "{a}", "[a]", "*", "a*", "_", "a_b", "~", "@", ":", "a:b", "http://a/b", "kv/a", "watch", "kv", "livez",
	"日本語", "🙂", "\u2028", "\ufeff", "\ufffd", "\U0010FFFF", "a\u200db", "ÿ",
	strings.Repeat("k", kv.MaxKey), strings.Repeat("k", kv.MaxKey-1), strings.Repeat("/", kv.MaxKey), strings.Repeat("../", kv.MaxKey/3),
	strings.Repeat("%", kv.MaxKey), strings.Repeat("ä", kv.MaxKey/2), strings.Repeat("\x00", kv.MaxKey),
}

func notFound(t *testing.T, s kv.Store) {
	wantAbsent(t, s, "a")
	put(t, s, "a/b", "1", kv.PutOptions{})
	wantAbsent(t, s, "a")
	wantAbsent(t, s, "a/")
	wantAbsent(t, s, "a/b/c")
}

func roundTrip(t *testing.T, s kv.Store) {
	first, created, err := s.Put(t.Context(), "a", []byte("1"), kv.PutOptions{})
	if err != nil || !created {
		t.Fatalf("first put: created %t, %v", created, err)
	}
	wantEntry(t, get(t, s, "a"), kv.Entry{Key: "a", Value: []byte("1"), Revision: first.Revision})
	second, created, err := s.Put(t.Context(), "a", []byte("2"), kv.PutOptions{TTL: kv.MaxTTL})
	if err != nil || created {
		t.Fatalf("second put: created %t, %v", created, err)
	}
	wantEntry(t, get(t, s, "a"), kv.Entry{Key: "a", Value: []byte("2"), Revision: second.Revision, TTL: kv.MaxTTL})
}

func revisions(t *testing.T, s kv.Store) {
	a := put(t, s, "a", "1", kv.PutOptions{})
	b := put(t, s, "b", "1", kv.PutOptions{})
	again := put(t, s, "a", "1", kv.PutOptions{}) // the same value is a change as well
	remove(t, s, "b")
	last := put(t, s, "b", "1", kv.PutOptions{})
	if a.Revision < 1 || b.Revision <= a.Revision || again.Revision <= b.Revision || last.Revision <= again.Revision+1 {
		t.Errorf("revisions %d, %d, %d, a deletion, %d", a.Revision, b.Revision, again.Revision, last.Revision)
	}
	wantEntry(t, get(t, s, "a"), again)
}

func awkwardKeys(t *testing.T, s kv.Store) {
	stored := map[string]kv.Entry{}
	for i, key := range awkward {
		stored[key] = put(t, s, key, key+string(rune('A'+i%26)), kv.PutOptions{})
	}
	if len(stored) != len(awkward) {
		t.Fatal("the suite has a key twice")
	}
	for _, key := range awkward {
		wantEntry(t, get(t, s, key), stored[key])
	}
	if got, want := keys(all(t, s, "", 7)), slices.Sorted(slices.Values(awkward)); !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	w := watch(t, s, "", 0)
	for _, key := range awkward {
		wantPut(t, w, stored[key])
	}
	for i, key := range awkward {
		remove(t, s, key)
		wantDeleted(t, w.next(t), key, 0)
		if got := len(all(t, s, "", 0)); got != len(awkward)-i-1 {
			t.Fatalf("%d keys are left behind the deletion of %q, want %d", got, key, len(awkward)-i-1)
		}
	}
}

func keyLimits(t *testing.T, s kv.Store) {
	for _, key := range []string{"", strings.Repeat("k", kv.MaxKey+1), "a\xff", "\xc3"} {
		_, err := s.Get(t.Context(), key)
		wantError(t, err, kv.ErrKey)
		_, _, err = s.Put(t.Context(), key, nil, kv.PutOptions{})
		wantError(t, err, kv.ErrKey)
		wantError(t, s.Delete(t.Context(), key, 0), kv.ErrKey)
	}
	if got := all(t, s, "", 0); len(got) != 0 {
		t.Errorf("stored %q", keys(got))
	}
}

func valueLimits(t *testing.T, s kv.Store) {
	for _, size := range []int{0, 1, kv.MaxValue - 1, kv.MaxValue} {
		value := bytes.Repeat([]byte{0, 0xff, 7}, size/3+1)[:size]
		e, _, err := s.Put(t.Context(), "a", value, kv.PutOptions{})
		if err != nil {
			t.Fatalf("a value of %d bytes: %v", size, err)
		}
		wantEntry(t, get(t, s, "a"), kv.Entry{Key: "a", Value: value, Revision: e.Revision})
	}
	_, _, err := s.Put(t.Context(), "a", make([]byte, kv.MaxValue+1), kv.PutOptions{})
	wantError(t, err, kv.ErrValue)
	if got := get(t, s, "a"); len(got.Value) != kv.MaxValue {
		t.Errorf("a refused value was stored: %d bytes", len(got.Value))
	}
}

func anyBytes(t *testing.T, s kv.Store) {
	value := make([]byte, 256)
	for i := range value {
		value[i] = byte(i)
	}
	e := put(t, s, "a", string(value), kv.PutOptions{})
	wantEntry(t, get(t, s, "a"), e)
	wantEntry(t, all(t, s, "", 0)[0], e)
	wantPut(t, watch(t, s, "", 0), e)
}

func byteOwnership(t *testing.T, s kv.Store) {
	value := []byte("right")
	e, _, err := s.Put(t.Context(), "a", value, kv.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := kv.Entry{Key: "a", Value: []byte("right"), Revision: e.Revision}
	copy(value, "wrong")
	copy(e.Value, "wrong")
	for range 2 {
		for _, given := range []kv.Entry{get(t, s, "a"), all(t, s, "", 0)[0], watch(t, s, "", 0).next(t).Entry} {
			wantEntry(t, given, want)
			copy(given.Value, "wrong")
		}
	}
}

func cancelled(t *testing.T, s kv.Store) {
	e := put(t, s, "a", "1", kv.PutOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(ctx, "a")
	wantError(t, err, context.Canceled)
	_, _, err = s.Put(ctx, "a", []byte("2"), kv.PutOptions{})
	wantError(t, err, context.Canceled)
	wantError(t, s.Delete(ctx, "a", 0), context.Canceled)
	_, err = s.List(ctx, "", "", 0)
	wantError(t, err, context.Canceled)
	for event, err := range s.Watch(ctx, "", e.Revision) {
		if wantError(t, err, context.Canceled); err == nil {
			t.Errorf("event %+v", event)
		}
	}
	wantEntry(t, get(t, s, "a"), e)
}

func deleteTwice(t *testing.T, s kv.Store) {
	e := put(t, s, "a", "1", kv.PutOptions{})
	w := watch(t, s, "", e.Revision)
	remove(t, s, "a")
	wantAbsent(t, s, "a")
	remove(t, s, "a")
	remove(t, s, "b")
	again, created, err := s.Put(t.Context(), "a", nil, kv.PutOptions{})
	if err != nil || !created || again.Revision <= e.Revision {
		t.Errorf("put after delete: %+v, created %t, %v", again, created, err)
	}
	wantDeleted(t, w.next(t), "a", e.Revision)
	wantPut(t, w, again) // no event of the deletions that did nothing
}
