package kvtest

import (
	"errors"
	"testing"
	"time"

	"minilab/internal/kv"
)

var ttlCases = []testCase{
	{"a TTL has limits", ttlLimits},
	{"a key expires, not early and not late", expires},
	{"an expired key can be created", createExpired},
	{"the same put again renews and changes nothing else", renews},
	{"another value or TTL is a change", changesTTL},
	{"a key that is renewed in time stays", staysAlive},
	{"a put without TTL makes the key permanent", becomesPermanent},
	{"a deleted key does not expire", deletedDoesNotExpire},
}

const short = kv.MinTTL

func ttlLimits(t *testing.T, s kv.Store) {
	for _, ttl := range []time.Duration{-1, -short, 1, kv.MinTTL - 1, kv.MaxTTL + 1} {
		_, _, err := s.Put(t.Context(), "a", nil, kv.PutOptions{TTL: ttl})
		wantError(t, err, kv.ErrTTL)
	}
	wantAbsent(t, s, "a")
	put(t, s, "a", "", kv.PutOptions{TTL: kv.MaxTTL})
	put(t, s, "a", "", kv.PutOptions{TTL: kv.MinTTL})
}

// wantExpiry waits for the deletion of a key whose life of ttl began between
// two times, and says whether it came in time.
func wantExpiry(t *testing.T, w *watcher, e kv.Entry, from, to time.Time) kv.Event {
	t.Helper()
	event := w.next(t)
	now := time.Now()
	wantDeleted(t, event, e.Key, e.Revision)
	if early := from.Add(e.TTL).Sub(now); early > 0 {
		t.Errorf("%q expired %v early", e.Key, early)
	}
	if late := now.Sub(to.Add(e.TTL)); late > kv.ExpiryLate {
		t.Errorf("%q expired %v late", e.Key, late)
	}
	return event
}

func expires(t *testing.T, s kv.Store) {
	w := watch(t, s, "t/", 0)
	before := time.Now()
	e := put(t, s, "t/a", "1", kv.PutOptions{TTL: short})
	after := time.Now()
	stays := put(t, s, "t/b", "2", kv.PutOptions{})
	wantPut(t, w, e)
	wantPut(t, w, stays)
	gone := wantExpiry(t, w, e, before, after)
	wantAbsent(t, s, "t/a")
	if got := all(t, s, "", 0); len(got) != 1 || got[0].Key != "t/b" {
		t.Errorf("listed %q", keys(got))
	}
	wantError(t, s.Delete(t.Context(), "t/a", e.Revision), kv.ErrStale)
	_, _, err := s.Put(t.Context(), "t/a", nil, kv.PutOptions{IfMatch: e.Revision})
	wantError(t, err, kv.ErrStale)
	if next := put(t, s, "t/c", "", kv.PutOptions{}); next.Revision <= gone.Revision {
		t.Errorf("the expiry is revision %d, a later put %d", gone.Revision, next.Revision)
	}
}

func createExpired(t *testing.T, s kv.Store) {
	first := put(t, s, "a", "1", kv.PutOptions{TTL: short})
	w := watch(t, s, "", first.Revision)
	for { // until it has expired
		again, created, err := s.Put(t.Context(), "a", []byte("2"), kv.PutOptions{IfAbsent: true})
		if errors.Is(err, kv.ErrStale) {
			continue
		}
		if err != nil || !created {
			t.Fatalf("create: created %t, %v", created, err)
		}
		wantDeleted(t, w.next(t), "a", first.Revision) // the old life ended first
		wantPut(t, w, again)
		wantEntry(t, get(t, s, "a"), again)
		return
	}
}

func renews(t *testing.T, s kv.Store) {
	e := put(t, s, "a", "1", kv.PutOptions{TTL: 2 * short})
	w := watch(t, s, "", e.Revision)
	clock := put(t, s, "clock", "", kv.PutOptions{TTL: short})
	wantPut(t, w, clock)
	wantDeleted(t, w.next(t), "clock", clock.Revision) // half of the life has passed
	before := time.Now()
	renewed, created, err := s.Put(t.Context(), "a", []byte("1"), kv.PutOptions{TTL: 2 * short, IfMatch: e.Revision})
	if err != nil || created {
		t.Fatalf("renewal: created %t, %v", created, err)
	}
	after := time.Now()
	wantEntry(t, renewed, e)
	wantEntry(t, get(t, s, "a"), e)
	wantExpiry(t, w, e, before, after) // and no event of the renewal
}

func changesTTL(t *testing.T, s kv.Store) {
	last := put(t, s, "a", "1", kv.PutOptions{TTL: kv.MaxTTL})
	w := watch(t, s, "", last.Revision)
	changes := []struct {
		value string
		ttl   time.Duration
	}{{"2", kv.MaxTTL}, {"2", kv.MaxTTL / 2}, {"2", 0}, {"2", kv.MaxTTL}}
	for _, c := range changes {
		e := put(t, s, "a", c.value, kv.PutOptions{TTL: c.ttl})
		if e.Revision <= last.Revision {
			t.Errorf("%+v is not a change", c)
		}
		wantPut(t, w, e)
		last = e
	}
}

// staysAlive renews a key without a pause until another, which is not renewed
// and lives three times as long, has expired.
func staysAlive(t *testing.T, s kv.Store) {
	e := put(t, s, "a", "1", kv.PutOptions{TTL: short})
	put(t, s, "clock", "", kv.PutOptions{TTL: 3 * short})
	w := watch(t, s, "", get(t, s, "clock").Revision)
	for {
		select {
		case event := <-w.events:
			wantDeleted(t, event, "clock", e.Revision)
			wantEntry(t, get(t, s, "a"), e)
			return
		case err := <-w.ended:
			t.Fatal(err)
		default:
			put(t, s, "a", "1", kv.PutOptions{TTL: short})
		}
	}
}

func becomesPermanent(t *testing.T, s kv.Store) {
	put(t, s, "a", "1", kv.PutOptions{TTL: short})
	e := put(t, s, "a", "1", kv.PutOptions{})
	w := watch(t, s, "", e.Revision)
	clock := put(t, s, "clock", "", kv.PutOptions{TTL: 2 * short})
	wantPut(t, w, clock)
	wantDeleted(t, w.next(t), "clock", clock.Revision)
	wantEntry(t, get(t, s, "a"), e)
}

func deletedDoesNotExpire(t *testing.T, s kv.Store) {
	put(t, s, "a", "1", kv.PutOptions{TTL: short})
	remove(t, s, "a")
	e := put(t, s, "a", "1", kv.PutOptions{TTL: 4 * short})
	w := watch(t, s, "", e.Revision)
	clock := put(t, s, "clock", "", kv.PutOptions{TTL: 2 * short})
	wantPut(t, w, clock)
	wantDeleted(t, w.next(t), "clock", clock.Revision)
	wantEntry(t, get(t, s, "a"), e)
}
