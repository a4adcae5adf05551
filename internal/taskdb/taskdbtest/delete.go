package taskdbtest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"minilab/internal/taskdb"
)

var deleteCases = []testCase{
	{name: "a task is deleted in whatever state", run: deleteAny},
	{name: "of racing deletes exactly one deletes", run: deleteRace},
	{name: "a task that is withdrawn is gone, unless it was given to another request", run: withdraw},
	{name: "of a withdrawal and a request with its key one wins", run: withdrawRace},
	{name: "tasks past their retention are deleted, the oldest first, and given", run: expire},
	{name: "a task that is retried has gone before or stays", run: expireRace},
}

func deleteAny(s *suite) {
	for _, state := range taskdb.States {
		id := "d-" + string(state)
		s.bring(id, state)
		before := s.get(id)
		last := s.lastSeq()
		gone, err := s.Delete(s.Context(), id)
		s.ok(err)
		before.UpdatedAt = gone.UpdatedAt
		s.same(gone, before)
		_, err = s.Get(s.Context(), id)
		s.is(err, taskdb.ErrNotFound)
		s.is(s.remove(id), taskdb.ErrNotFound)
		list := s.events(last)
		if len(list) != 1 || list[0].ID != id || !list[0].Deleted || list[0].State != state || list[0].Token != before.Token {
			s.Errorf("the feed tells of it: %+v", list)
		}
	}
	if n := len(s.all(taskdb.Filter{})); n != 0 {
		s.Errorf("%d tasks are left", n)
	}
	if list := s.claim(5); len(list) != 0 {
		s.Errorf("claimed %v", claimedIDs(list))
	}
	s.clock.Advance(2 * s.cfg.Lease)
	s.reap(0)
}

func deleteRace(s *suite) {
	for i := range 10 {
		id := fmt.Sprint("t-", i)
		s.create(id)
		var deleted atomic.Int64
		together(8, func(int) {
			if s.remove(id) == nil {
				deleted.Add(1)
			}
		})
		if deleted.Load() != 1 {
			s.Fatalf("deleted %d times", deleted.Load())
		}
	}
}

func withdraw(s *suite) {
	create := func(t taskdb.Task, want string) {
		got, _, err := s.Create(s.Context(), t)
		s.ok(err)
		if got.ID != want {
			s.Fatalf("got the task %q, want %q", got.ID, want)
		}
	}
	create(wanted("plain"), "plain")
	create(keyed("mine", "ann", "k1", "h"), "mine")
	create(keyed("mine", "ann", "k1", "h"), "mine") // a request that is repeated is not another one
	create(keyed("given", "ann", "k2", "h"), "given")
	create(keyed("other", "ann", "k2", "h"), "given")
	for _, id := range []string{"plain", "mine"} {
		before := s.get(id)
		gone, err := s.Withdraw(s.Context(), id)
		s.ok(err)
		before.UpdatedAt = gone.UpdatedAt
		s.same(gone, before)
		_, err = s.Withdraw(s.Context(), id)
		s.is(err, taskdb.ErrNotFound)
	}
	before := s.get("given")
	_, err := s.Withdraw(s.Context(), "given")
	s.is(err, taskdb.ErrGiven)
	s.same(s.get("given"), before)
	_, err = s.Withdraw(s.Context(), "A")
	s.is(err, taskdb.ErrID)
	create(keyed("again", "ann", "k1", "h"), "again") // its key went with the task
	s.clock.Advance(taskdb.IdempotencyKeep)
	create(keyed("later", "ann", "k2", "h"), "later") // the key is new again
	_, err = s.Withdraw(s.Context(), "later")
	s.ok(err)
	s.ok(s.remove("given"))
}

func withdrawRace(s *suite) {
	for i := range 10 {
		id, key := fmt.Sprint("t-", i), fmt.Sprint("k", i)
		_, _, err := s.Create(s.Context(), keyed(id, "ann", key, "h"))
		s.ok(err)
		var other taskdb.Task
		var createErr, withdrawErr error
		together(2, func(who int) {
			if who == 0 {
				_, withdrawErr = s.Withdraw(s.Context(), id)
			} else {
				other, _, createErr = s.Create(s.Context(), keyed(id+"-other", "ann", key, "h"))
			}
		})
		s.ok(createErr)
		if (other.ID == id) != (withdrawErr != nil) {
			s.Fatalf("the other got %q, and the withdrawal %v", other.ID, withdrawErr)
		}
		s.get(other.ID)
	}
}

func expire(s *suite) {
	keep := []time.Duration{3 * time.Hour, time.Hour, 2 * time.Hour, 0, time.Hour, time.Hour}
	for i, state := range []taskdb.State{taskdb.Finished, taskdb.Failed, taskdb.Canceled, taskdb.Finished, taskdb.NotStarted, taskdb.InProgress} {
		s.bring(fmt.Sprint("t-", i), state, func(t *taskdb.Task) { t.Keep = keep[i] })
	}
	last := s.lastSeq()
	s.expires(0, "")
	s.clock.Advance(59 * time.Minute)
	s.expires(0, "")
	s.clock.Advance(90 * time.Minute)
	before := s.get("t-1")
	gone := s.expires(1, "t-1")
	before.UpdatedAt = gone[0].UpdatedAt
	s.same(gone[0], before)
	s.clock.Advance(time.Hour)
	s.expires(1, "t-2")
	s.expires(5, "t-0")
	s.clock.Advance(1000 * time.Hour)
	s.expires(-1, "")
	if got := strings.Join(taskIDs(s.all(taskdb.Filter{})), " "); got != "t-3 t-4 t-5" {
		s.Errorf("left are %s", got)
	}
	events := s.events(last)
	for _, e := range events {
		if !e.Deleted || e.Time.Before(gone[0].ExpiresAt) {
			s.Errorf("the feed tells %+v", e)
		}
	}
	if len(events) != 3 {
		s.Errorf("the feed tells of %d tasks", len(events))
	}
}

// expires wants these to be the tasks that go, in this order.
func (s *suite) expires(limit int, want string) []taskdb.Task {
	s.Helper()
	gone, err := s.Expire(s.Context(), limit)
	s.ok(err)
	if got := strings.Join(taskIDs(gone), " "); got != want || gone == nil {
		s.Fatalf("deleted %q, want %q", got, want)
	}
	return gone
}

func expireRace(s *suite) {
	for i := range 10 {
		id := fmt.Sprint("t-", i)
		s.bring(id, taskdb.Canceled, func(t *taskdb.Task) { t.Keep = time.Hour })
		s.clock.Advance(2 * time.Hour)
		var gone []taskdb.Task
		var expireErr, retryErr error
		together(2, func(who int) {
			if who == 0 {
				gone, expireErr = s.Expire(s.Context(), 0)
			} else {
				_, retryErr = s.Retry(s.Context(), id)
			}
		})
		s.ok(expireErr)
		_, err := s.Get(s.Context(), id)
		if stays := err == nil; stays != (retryErr == nil) || stays != (len(gone) == 0) {
			s.Fatalf("deleted %v, retried: %v, read: %v", taskIDs(gone), retryErr, err)
		}
	}
}
