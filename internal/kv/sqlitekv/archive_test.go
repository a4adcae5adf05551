package sqlitekv_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"minilab/internal/kv"
	"minilab/internal/kv/sqlitekv"
)

// TestRenewedSnapshot: a store and its snapshot both go on. What the clients of
// the first one know must not fool them about the second.
func TestRenewedSnapshot(t *testing.T) {
	ctx := t.Context()
	live := open(t, filepath.Join(t.TempDir(), "kv.db"))
	put := func(s kv.Store, key, value string, opts kv.PutOptions) kv.Entry {
		t.Helper()
		e, _, err := s.Put(ctx, key, []byte(value), opts)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	same := put(live, "presets/same", "1", kv.PutOptions{})
	changed := put(live, "presets/changed", "1", kv.PutOptions{})
	put(live, "sweeper/past", "{}", kv.PutOptions{})
	put(live, "services/master/a", "{}", kv.PutOptions{TTL: time.Hour})

	path := filepath.Join(t.TempDir(), "kv.db")
	if err := sqlitekv.Snapshot(ctx, live.path, path); err != nil {
		t.Fatal(err)
	}
	later := put(live, "presets/changed", "2", kv.PutOptions{})
	keys, err := sqlitekv.Renew(ctx, path, time.Now(), "sweeper/past", "never-there")
	if err != nil || keys != 2 {
		t.Fatalf("%d keys, %v", keys, err)
	}
	renewed := open(t, path)

	for _, key := range []string{"services/master/a", "sweeper/past"} {
		if _, err := renewed.Get(ctx, key); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("%s is back: %v", key, err)
		}
	}
	if e, err := renewed.Get(ctx, "presets/changed"); err != nil || string(e.Value) != "1" || e.Revision != changed.Revision {
		t.Errorf("changed is %q at %d, %v", e.Value, e.Revision, err)
	}
	if _, _, err := renewed.Put(ctx, "presets/changed", nil, kv.PutOptions{IfMatch: later.Revision}); !errors.Is(err, kv.ErrStale) {
		t.Errorf("a write that knows a later value: %v", err)
	}
	for _, revision := range []int64{same.Revision, changed.Revision, later.Revision, later.Revision + 1000} {
		for e, err := range renewed.Watch(ctx, "", revision) {
			if !errors.Is(err, kv.ErrCompacted) {
				t.Errorf("a watch after revision %d gets %+v, %v", revision, e, err)
			}
			break
		}
	}
	page, err := renewed.List(ctx, "", "", 0)
	if err != nil || len(page.Entries) != 2 || page.Revision <= later.Revision {
		t.Fatalf("list: %+v, %v", page, err)
	}
	next := put(renewed, "presets/new", "1", kv.PutOptions{IfAbsent: true})
	if next.Revision != page.Revision+1 {
		t.Errorf("the next revision is %d after %d", next.Revision, page.Revision)
	}
	put(renewed, "presets/same", "2", kv.PutOptions{IfMatch: same.Revision})
	for e, err := range renewed.Watch(ctx, "", page.Revision) {
		if err != nil || e.Revision != next.Revision {
			t.Errorf("the watch goes on with %+v, %v", e, err)
		}
		break
	}
}

// TestRenewedTwice: two time lines from one snapshot do not meet either.
func TestRenewedTwice(t *testing.T) {
	live := open(t, filepath.Join(t.TempDir(), "kv.db"))
	revisions := make([]int64, 0, 2)
	for range 2 {
		path := filepath.Join(t.TempDir(), "kv.db")
		if err := sqlitekv.Snapshot(t.Context(), live.path, path); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlitekv.Renew(t.Context(), path, time.Now()); err != nil {
			t.Fatal(err)
		}
		e, _, err := open(t, path).Put(t.Context(), "k", nil, kv.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, e.Revision)
	}
	if revisions[1] <= revisions[0] {
		t.Errorf("revisions %v", revisions)
	}
}
