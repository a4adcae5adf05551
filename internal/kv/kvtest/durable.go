package kvtest

import (
	"testing"
	"time"

	"minilab/internal/kv"
)

// cases are those that need a function of the options.
func (o Options) cases() []testCase {
	var cases []testCase
	if o.Reopen != nil {
		cases = append(cases,
			testCase{"what was put is there after a restart", o.survivesRestart},
			testCase{"a watch goes on after a restart", o.watchesOverRestart},
			testCase{"after a restart every TTL starts afresh", o.ttlAfterRestart})
	}
	if o.Compact != nil {
		cases = append(cases, testCase{"a watch from what is no longer kept is compacted", o.compacted})
	}
	return cases
}

func (o Options) survivesRestart(t *testing.T, s kv.Store) {
	a := put(t, s, "a", "1", kv.PutOptions{})
	b := put(t, s, "b", "2", kv.PutOptions{TTL: kv.MaxTTL})
	put(t, s, "c", "3", kv.PutOptions{})
	remove(t, s, "c")
	revision := list(t, s, "", "", 0).Revision
	s = o.Reopen(t, s)
	wantEntry(t, get(t, s, "a"), a)
	wantEntry(t, get(t, s, "b"), b)
	wantAbsent(t, s, "c")
	if next := put(t, s, "a", "4", kv.PutOptions{IfMatch: a.Revision}); next.Revision <= revision {
		t.Errorf("revision %d follows a restart at %d", next.Revision, revision)
	}
}

func (o Options) watchesOverRestart(t *testing.T, s kv.Store) {
	a := put(t, s, "a", "1", kv.PutOptions{})
	b := put(t, s, "b", "2", kv.PutOptions{})
	remove(t, s, "b")
	s = o.Reopen(t, s)
	w := watch(t, s, "", a.Revision)
	wantPut(t, w, b)
	wantDeleted(t, w.next(t), "b", b.Revision)
	wantPut(t, w, put(t, s, "c", "3", kv.PutOptions{}))
}

func (o Options) ttlAfterRestart(t *testing.T, s kv.Store) {
	e := put(t, s, "a", "1", kv.PutOptions{TTL: 2 * short})
	clock := put(t, s, "clock", "", kv.PutOptions{TTL: short})
	wantDeleted(t, watch(t, s, "clock", clock.Revision).next(t), "clock", clock.Revision)
	before := time.Now()
	s = o.Reopen(t, s)
	wantEntry(t, get(t, s, "a"), e)
	wantExpiry(t, watch(t, s, "a", e.Revision), e, before, time.Now())
}

func (o Options) compacted(t *testing.T, s kv.Store) {
	e := put(t, s, "a", "1", kv.PutOptions{})
	put(t, s, "a", "2", kv.PutOptions{})
	o.Compact(t, s)
	wantError(t, watch(t, s, "", e.Revision).end(t), kv.ErrCompacted)
	wantError(t, watch(t, s, "no-such-key", e.Revision).end(t), kv.ErrCompacted)
	last := put(t, s, "a", "3", kv.PutOptions{})
	w := watch(t, s, "a", 0) // from the oldest that is kept
	wantPut(t, w, last)
	wantPut(t, watch(t, s, "a", last.Revision-1), last)
}
