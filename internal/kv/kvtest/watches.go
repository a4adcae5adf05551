package kvtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/kv"
)

var watchCases = []testCase{
	{"a watch gives the past, then what happens", watchPastAndFuture},
	{"a watch after a revision leaves out what came before", watchAfter},
	{"a watch of a prefix gives the changes of its keys", watchPrefix},
	{"every watcher sees every change in order", watchGapless},
	{"a watch ends with its context's cause", watchCancelled},
	{"a watch that is left ends", watchLeft},
	{"a watch ahead of the store is compacted", watchAhead},
}

func watchPastAndFuture(t *testing.T, s kv.Store) {
	a := put(t, s, "a", "1", kv.PutOptions{})
	b := put(t, s, "b", "2", kv.PutOptions{TTL: kv.MaxTTL})
	remove(t, s, "a")
	w := watch(t, s, "", 0)
	wantPut(t, w, a)
	wantPut(t, w, b)
	wantDeleted(t, w.next(t), "a", b.Revision)
	wantPut(t, w, put(t, s, "c", "3", kv.PutOptions{}))
	wantPut(t, w, put(t, s, "c", "4", kv.PutOptions{}))
	remove(t, s, "c")
	wantDeleted(t, w.next(t), "c", b.Revision)
}

func watchAfter(t *testing.T, s kv.Store) {
	a := put(t, s, "a", "1", kv.PutOptions{})
	b := put(t, s, "b", "2", kv.PutOptions{})
	wantPut(t, watch(t, s, "", a.Revision), b)
	w := watch(t, s, "", b.Revision)
	wantPut(t, w, put(t, s, "c", "3", kv.PutOptions{}))
}

func watchPrefix(t *testing.T, s kv.Store) {
	put(t, s, "a", "", kv.PutOptions{})
	past := put(t, s, "a/1", "", kv.PutOptions{})
	put(t, s, "ab", "", kv.PutOptions{})
	w := watch(t, s, "a/", 0)
	wantPut(t, w, past)
	for _, key := range []string{"A/1", "a", "a0", "b/a/1"} {
		put(t, s, key, "", kv.PutOptions{})
		remove(t, s, key)
	}
	wantPut(t, w, put(t, s, "a/2", "", kv.PutOptions{}))
}

func watchGapless(t *testing.T, s kv.Store) {
	const writers, changes, watchers = 8, 40, 10
	total := writers * changes
	seen := make([][]string, watchers)
	var watching, writing sync.WaitGroup
	for i := range watchers {
		w := watch(t, s, "w/", 0)
		watching.Go(func() { seen[i] = collect(t, w, total) })
	}
	for g := range writers {
		writing.Go(func() {
			if err := change(t, s, fmt.Sprintf("w/%d", g), changes); err != nil {
				t.Error(err)
			}
		})
	}
	writing.Wait()
	watching.Wait()
	late := collect(t, watch(t, s, "w/", 0), total)
	for i := range watchers {
		if !slices.Equal(seen[i], late) {
			t.Errorf("watcher %d saw another history than one that came late", i)
		}
	}
	for g := range writers {
		wantHistory(t, late, fmt.Sprintf("w/%d", g), changes)
	}
}

// change puts a key again and again and deletes it every tenth time.
func change(t *testing.T, s kv.Store, key string, n int) error {
	for i := range n {
		var err error
		if i%10 == 9 {
			err = s.Delete(t.Context(), key, 0)
		} else {
			_, _, err = s.Put(t.Context(), key, fmt.Appendf(nil, "%d", i), kv.PutOptions{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func wantHistory(t *testing.T, events []string, key string, n int) {
	t.Helper()
	var got, want []string
	for _, e := range events {
		if rest, ok := strings.CutPrefix(e, key+" "); ok {
			_, what, _ := strings.Cut(rest, " ")
			got = append(got, what)
		}
	}
	for i := range n {
		what := fmt.Sprintf("put %d", i)
		if i%10 == 9 {
			what = "deleted"
		}
		want = append(want, what)
	}
	if !slices.Equal(got, want) {
		t.Errorf("history of %q: %q", key, got)
	}
}

// collect reads n events as "key revision what" and checks their order.
func collect(t *testing.T, w *watcher, n int) []string {
	var texts []string
	var last int64
	for range n {
		select {
		case e := <-w.events:
			if e.Revision <= last {
				t.Errorf("revision %d follows %d", e.Revision, last)
			}
			last = e.Revision
			what := "put " + string(e.Value)
			if e.Deleted {
				what = "deleted"
			}
			texts = append(texts, fmt.Sprintf("%s %d %s", e.Key, e.Revision, what))
		case err := <-w.ended:
			t.Errorf("the watch ended after %d of %d events: %v", len(texts), n, err)
			return texts
		case <-time.After(patience):
			t.Errorf("no event after %d of %d", len(texts), n)
			return texts
		}
	}
	return texts
}

func watchCancelled(t *testing.T, s kv.Store) {
	why := errors.New("why")
	e := put(t, s, "a", "", kv.PutOptions{})
	idle := watch(t, s, "", e.Revision)
	idle.cancel(why)
	wantError(t, idle.end(t), why)

	woken := watch(t, s, "", e.Revision)
	put(t, s, "b", "", kv.PutOptions{})
	woken.next(t)
	woken.cancel(why)
	wantError(t, woken.end(t), why)
}

func watchLeft(t *testing.T, s kv.Store) {
	put(t, s, "a", "", kv.PutOptions{})
	put(t, s, "b", "", kv.PutOptions{})
	for range 3 {
		for e, err := range s.Watch(t.Context(), "", 0) {
			if err != nil || e.Key != "a" {
				t.Errorf("first event %+v, %v", e, err)
			}
			break
		}
	}
}

func watchAhead(t *testing.T, s kv.Store) {
	e := put(t, s, "a", "", kv.PutOptions{})
	wantError(t, watch(t, s, "", e.Revision+1000).end(t), kv.ErrCompacted)
}
