package crash_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/kv/kvhttp"
	"minilab/internal/storage"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/taskdb"
	"minilab/internal/trials"
	"minilab/internal/trials/syscalls"
)

var (
	growing  = []syscalls.Op{syscalls.Create, syscalls.Mkdir, syscalls.Write, syscalls.Truncate, syscalls.Attribute, syscalls.Link}
	changing = append([]syscalls.Op{syscalls.Rename, syscalls.Unlink}, growing...)
)

// ailments are what a disk may suffer from.
var ailments = []struct {
	name string
	ailment
}{
	{"full", ailment{syscalls.Verdict{Errno: unix.ENOSPC}, growing, true}},
	{"read-only", ailment{syscalls.Verdict{Errno: unix.EROFS}, changing, true}},
	{"fails to write", ailment{syscalls.Verdict{Errno: unix.EIO}, growing, false}},
	{"fails to sync", ailment{syscalls.Verdict{Errno: unix.EIO}, []syscalls.Op{syscalls.Sync}, false}},
}

// enough is how many calls a lasting ailment befalls, if there are so many,
// before the disk is well again.
const enough = 2

// TestAilingDisk lets the disk of a service fall ill at one call after the
// other, and recover.
func TestAilingDisk(t *testing.T) {
	t.Parallel()
	for _, victim := range []string{"storage", "taskdb"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, trials.SixProcesses, victim)
			s.image(point{}) // a first one warms up
			for _, a := range ailments {
				s.tally = tally{}
				if a.verdict.Errno == unix.EROFS {
					s.drafts = func(string) error { return nil } // that cannot be removed either
				}
				enumerate(t, 0, func(p point) *trap { return s.ail(p, a.ailment) })
				s.drafts = noDrafts
				s.lab.Kill(victim)
				s.start()
				s.settled(point{}, nil)
				t.Logf("the disk of %s %s", victim, a.name)
				s.tally.log(t)
			}
			if err := s.lab.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// ail hands an image in while the disk falls ill, and another one afterwards.
// The worker is a fresh one: the more often in a row it finds the lab ill, the
// longer it pauses.
func (s *stage) ail(p point, a ailment) *trap {
	s.Helper()
	s.lab.Kill("worker")
	s.start()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	before := trials.PNG(16, 12, uint8(len(s.known)))
	t := set(s.watch, s.victim, p, a)
	id, err := s.customer().Upload(ctx, before)
	outcome := "answered 202"
	if err == nil {
		s.awaitIllness(ctx, t, id)
	} else {
		outcome = s.refusal(p, err)
	}
	if err != nil && a.lasting {
		_, again := s.customer().Upload(ctx, before)
		s.refusal(p, again)
	}
	t.end()
	if err == nil {
		if err := s.exact(ctx, id, before); err != nil {
			s.Errorf("%v: %s was answered with 202: %v", p, id, err)
		}
	}
	if next, err := s.customer().Upload(ctx, before); err != nil {
		s.Errorf("%v: the disk is well again and an image is refused: %v", p, err)
	} else if err := s.exact(ctx, next, before); err != nil {
		s.Errorf("%v: the disk is well again: %v", p, err)
	}
	if _, lies := t.befell(); len(lies) > 0 {
		s.Errorf("%v: after an fsync that failed, a second one of the same bytes is believed: %q", p, lies)
	}
	s.settled(p, before)
	s.tally.spring(t, outcome)
	return t
}

// awaitIllness returns when the task has ended, or when the ailment has befallen
// enough calls.
func (s *stage) awaitIllness(ctx context.Context, t *trap, id string) {
	for tasks := s.tasks(); ctx.Err() == nil; <-time.After(pause) { // there is no event to wait for
		task, err := tasks.Get(ctx, id)
		hits, _ := t.befell()
		if err == nil && task.State.Ended() || hits >= enough || t.has() && !t.lasting {
			return
		}
	}
}

// refusal fails unless an error is an answer that says what is wrong.
func (s *stage) refusal(p point, err error) string {
	s.Helper()
	a, answered := errors.AsType[*trials.Answer](err)
	codes := map[string]int{
		"no-space": http.StatusInsufficientStorage, "read-only": http.StatusServiceUnavailable, "disk-failed": http.StatusServiceUnavailable,
	}
	if !answered || codes[a.Code] != a.Status {
		s.Errorf("%v: the answer is %v", p, err)
		return ""
	}
	return fmt.Sprintf("answered %d %s", a.Status, a.Code)
}

// TestAilingDiskOfTheKeyValueStore is the same for values.
func TestAilingDiskOfTheKeyValueStore(t *testing.T) {
	t.Parallel()
	a := newAlone(t, "kv")
	a.startWell()
	store := kvhttp.NewClient(a.client())
	n := 0
	put := func() (string, error) {
		n++
		value := fmt.Sprint(n)
		_, _, err := store.Put(t.Context(), "notes/x", []byte(value), kv.PutOptions{})
		return value, err
	}
	get := func() string {
		e, err := store.Get(t.Context(), "notes/x")
		if err != nil {
			t.Fatal(err)
		}
		return string(e.Value)
	}
	last, err := put()
	if err != nil {
		t.Fatal(err)
	}
	for _, ail := range ailments {
		var counts tally
		enumerate(t, 1, func(p point) *trap {
			tr := set(a.watch, "kv", p, ail.ailment)
			next, err := put()
			if kind := fault.KindOf(err); (err != nil) != tr.has() || err != nil && kind != fault.NoSpace && kind != fault.Unavailable {
				t.Fatalf("%s, %v: %v", ail.name, p, err)
			}
			if err == nil {
				last = next
			}
			if value := get(); value != last {
				t.Fatalf("%s, %v: the value is %q, not %q", ail.name, p, value, last)
			}
			tr.end()
			if err != nil {
				counts.spring(tr, fault.From(err).Code)
			}
			if last, err = put(); err != nil || get() != last {
				t.Fatalf("%s, %v: the disk is well again and the value is %q, not %q, %v", ail.name, p, get(), last, err)
			}
			if _, lies := tr.befell(); len(lies) > 0 {
				t.Fatalf("%s, %v: an fsync after one that failed is believed", ail.name, p)
			}
			return tr
		})
		a.kill()
		a.startWell()
		store = kvhttp.NewClient(a.client())
		if value := get(); value != last {
			t.Fatalf("%s: after a restart the value is %q, not %q", ail.name, value, last)
		}
		t.Logf("the disk of kv %s", ail.name)
		counts.log(t)
	}
}

// TestSlowDisk has an image's way into the storage take longer than a lease,
// and every commit a good part of one.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	const lease, n = 2 * time.Second, 4
	s := newStage(t, trials.SixProcesses, "", "--lease="+lease.String())
	s.watch.Decide(func(c syscalls.Call) syscalls.Verdict {
		switch {
		case c.Op != syscalls.Sync:
			return syscalls.Verdict{}
		case strings.HasPrefix(c.Process, "storage"):
			return syscalls.Verdict{Delay: lease * 6 / 10} // an image takes two
		}
		return syscalls.Verdict{Delay: lease / 20}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var mu sync.Mutex
	var ids []string
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			before := trials.PNG(16, 12, uint8(i))
			id, err := s.customer().Upload(ctx, before)
			if err == nil {
				err = s.exact(ctx, id, before)
			}
			if err != nil {
				t.Errorf("image %d: %v", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, id)
		})
	}
	all.Wait()
	page, err := s.tasks().List(ctx, taskdb.Filter{})
	if err != nil || len(page.Tasks) != n {
		t.Fatalf("%d tasks, %v", len(page.Tasks), err)
	}
	for _, task := range page.Tasks {
		if !slices.Contains(ids, task.ID) || task.Token != 1 || task.Lost+task.Failures != 0 {
			t.Errorf("it was worked on more than once: %+v", task)
		}
	}
}

// TestADeletionThatMayComeToNothing is not said to have come to something by
// who finds the image gone.
func TestADeletionThatMayComeToNothing(t *testing.T) {
	t.Parallel()
	a := newAlone(t, "storage")
	a.startWell()
	ctx, store := t.Context(), storagehttp.NewClient(a.client())
	put := func() {
		if _, err := store.Put(ctx, storage.Finished, "a", strings.NewReader("x"), storage.PutOptions{Size: 1}); err != nil {
			t.Fatal(err)
		}
	}
	put()
	set(a.watch, "storage", point{n: 1}, ailment{syscalls.Verdict{Errno: unix.EIO}, []syscalls.Op{syscalls.Sync}, false})
	for range 3 {
		if err := store.Delete(ctx, storage.Finished, "a"); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("the deletion is answered with %v", err)
		}
	}
	put()
	if err := store.Delete(ctx, storage.Finished, "a"); err != nil {
		t.Errorf("a deletion that is made anew: %v", err)
	}
}
