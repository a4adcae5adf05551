package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"minilab/internal/kv"
)

var listCases = []testCase{
	{"a listing has the keys of its prefix in order", listPrefix},
	{"pages make up the listing", pages},
	{"a page has at most MaxPage entries", longPage},
	{"large values end a page early", largePage},
	{"a listing under changes misses nothing that stays", listUnderChanges},
	{"a cursor goes with its prefix", cursorFaults},
}

func listPrefix(t *testing.T, s kv.Store) {
	stored := map[string]kv.Entry{}
	for i, key := range []string{"a", "a/b", "a/", "a/\x00", "ab", "A/b", "a/ÿ", "a/\U0010FFFF", "b", "a/z", "a0", "a."} {
		opts := kv.PutOptions{}
		if i%2 == 1 {
			opts.TTL = kv.MaxTTL
		}
		stored[key] = put(t, s, key, key, opts)
	}
	want := map[string][]string{
		"a/":           {"a/", "a/\x00", "a/b", "a/z", "a/ÿ", "a/\U0010FFFF"},
		"a":            {"a", "a.", "a/", "a/\x00", "a/b", "a/z", "a/ÿ", "a/\U0010FFFF", "a0", "ab"},
		"a/b":          {"a/b"},
		"a/\U0010FFFF": {"a/\U0010FFFF"},
		"a/b/":         nil,
		"\U0010FFFF":   nil,
		"b":            {"b"},
		"":             {"A/b", "a", "a.", "a/", "a/\x00", "a/b", "a/z", "a/ÿ", "a/\U0010FFFF", "a0", "ab", "b"},
	}
	for prefix, keysWanted := range want {
		got := all(t, s, prefix, 0)
		if !slices.Equal(keys(got), keysWanted) {
			t.Errorf("list %q: %q, want %q", prefix, keys(got), keysWanted)
		}
		for _, e := range got {
			wantEntry(t, e, stored[e.Key])
		}
	}
}

func pages(t *testing.T, s kv.Store) {
	if page := list(t, s, "", "", 0); len(page.Entries) != 0 || page.Next != "" {
		t.Errorf("an empty store has the page %+v", page)
	}
	var last kv.Entry
	for i := range 12 {
		last = put(t, s, fmt.Sprintf("p/%02d", i), "", kv.PutOptions{})
	}
	put(t, s, "q", "", kv.PutOptions{})
	for _, limit := range []int{1, 5, 6, 11, 12, 13} {
		var got []string
		n := 0
		for cursor := ""; ; n++ {
			page := list(t, s, "p/", cursor, limit)
			if len(page.Entries) > limit || page.Revision < last.Revision {
				t.Errorf("a page of at most %d has %d entries at revision %d", limit, len(page.Entries), page.Revision)
			}
			got = append(got, keys(page.Entries)...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if len(got) != 12 || !slices.IsSorted(got) || n != (12-1)/limit {
			t.Errorf("limit %d: %d cursors, entries %q", limit, n, got)
		}
	}
}

func longPage(t *testing.T, s kv.Store) {
	var writers sync.WaitGroup
	for g := range 20 {
		writers.Go(func() {
			for i := g; i <= kv.MaxPage; i += 20 {
				if _, _, err := s.Put(t.Context(), fmt.Sprintf("%05d", i), nil, kv.PutOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	for _, limit := range []int{0, -1, kv.MaxPage, kv.MaxPage + 1} {
		page := list(t, s, "", "", limit)
		if len(page.Entries) != kv.MaxPage || page.Next == "" {
			t.Errorf("limit %d: %d entries, cursor %q", limit, len(page.Entries), page.Next)
		}
		rest := list(t, s, "", page.Next, limit)
		if len(rest.Entries) != 1 || rest.Next != "" {
			t.Errorf("limit %d: %d entries behind the page, cursor %q", limit, len(rest.Entries), rest.Next)
		}
	}
}

func largePage(t *testing.T, s kv.Store) {
	const n = kv.MaxPageBytes/kv.MaxValue + 3
	value := bytes.Repeat([]byte("v"), kv.MaxValue)
	for i := range n {
		if _, _, err := s.Put(t.Context(), fmt.Sprintf("%02d", i), value, kv.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	page := list(t, s, "", "", 0)
	if len(page.Entries) >= n || len(page.Entries) < n/2 || page.Next == "" {
		t.Errorf("a page of %d values of %d bytes, cursor %q", len(page.Entries), len(value), page.Next)
	}
	rest := list(t, s, "", page.Next, 0)
	if got := len(page.Entries) + len(rest.Entries); got != n || rest.Next != "" {
		t.Errorf("%d entries in two pages, want %d", got, n)
	}
}

func listUnderChanges(t *testing.T, s kv.Store) {
	for i := range 10 {
		put(t, s, fmt.Sprintf("k/%d", i), "old", kv.PutOptions{})
	}
	first := list(t, s, "k/", "", 4)
	remove(t, s, "k/3") // the one that the cursor stands on
	remove(t, s, "k/7")
	changed := put(t, s, "k/8", "new", kv.PutOptions{})
	put(t, s, "k/35", "new", kv.PutOptions{})
	put(t, s, "k/0a", "new", kv.PutOptions{})
	got := first.Entries
	for cursor := first.Next; cursor != ""; {
		page := list(t, s, "k/", cursor, 4)
		if page.Revision != first.Revision {
			t.Errorf("a later page is of revision %d, the first of %d", page.Revision, first.Revision)
		}
		got = append(got, page.Entries...)
		cursor = page.Next
	}
	want := []string{"k/0", "k/1", "k/2", "k/3", "k/35", "k/4", "k/5", "k/6", "k/8", "k/9"}
	if !slices.Equal(keys(got), want) {
		t.Fatalf("listed %q, want %q", keys(got), want)
	}
	wantEntry(t, got[8], changed)

	w := watch(t, s, "k/", first.Revision)
	for _, key := range []string{"k/3", "k/7", "k/8", "k/35", "k/0a"} {
		if e := w.next(t); e.Key != key {
			t.Errorf("the change of %q follows the listing, want that of %q", e.Key, key)
		}
	}
}

func cursorFaults(t *testing.T, s kv.Store) {
	put(t, s, "a/1", "", kv.PutOptions{})
	put(t, s, "a/2", "", kv.PutOptions{})
	given := list(t, s, "a/", "", 1).Next
	for prefix, cursor := range map[string]string{"b/": given, "a/": "nonsense", "": "\x00", "a": given + "!"} {
		if _, err := s.List(t.Context(), prefix, cursor, 0); !errors.Is(err, kv.ErrCursor) {
			t.Errorf("list %q from %q: %v", prefix, cursor, err)
		}
	}
}
