package taskdbtest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"minilab/internal/taskdb"
)

var transitionCases = []testCase{
	{name: "every transition of the table is possible and no other", run: transitions, with: func(c *Config) { c.Deadline = c.Lease }},
	{name: "cancel is immediate, and again succeeds", run: cancel},
	{name: "retry resets everything but the token", run: retry},
	{name: "what does not exist is not found", run: notFound},
}

// bring makes a task in a state; the lease is its last one, if it had any.
func (s *suite) bring(id string, state taskdb.State, set ...func(*taskdb.Task)) taskdb.Claimed {
	s.Helper()
	t := s.create(id, set...)
	if state == taskdb.NotStarted {
		return taskdb.Claimed{Task: t, Lease: "1.none"}
	}
	c := s.claimOne(id)
	var err error
	switch state {
	case taskdb.Finished:
		err = s.finish(result(c))
	case taskdb.Failed:
		err = s.fail(id, c.Lease, "x", false)
	case taskdb.Canceled:
		_, err = s.Cancel(s.Context(), id)
	}
	s.ok(err)
	return c
}

// acts does what can happen to a task, in each way in which it can.
var acts = []struct {
	action taskdb.Action
	do     func(s *suite, c taskdb.Claimed) error
}{
	{taskdb.ActClaim, func(s *suite, c taskdb.Claimed) error {
		_, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", ID: c.ID})
		return err
	}},
	{taskdb.ActFinish, func(s *suite, c taskdb.Claimed) error {
		f := result(c)
		f.Facts = []byte(`{"not":"the same"}`)
		return s.finish(f)
	}},
	{taskdb.ActRelease, func(s *suite, c taskdb.Claimed) error { return s.release(c.ID, c.Lease) }},
	{taskdb.ActFail, func(s *suite, c taskdb.Claimed) error { return s.fail(c.ID, c.Lease, "x", true) }},
	{taskdb.ActFail, func(s *suite, c taskdb.Claimed) error { return s.fail(c.ID, c.Lease, "x", false) }},
	{taskdb.ActExpire, func(s *suite, c taskdb.Claimed) error { return s.expireTask(c.ID, 1) }},
	{taskdb.ActExpire, func(s *suite, c taskdb.Claimed) error { return s.expireTask(c.ID, taskdb.MaxLost) }},
	{taskdb.ActCancel, func(s *suite, c taskdb.Claimed) error { _, err := s.Cancel(s.Context(), c.ID); return err }},
	{taskdb.ActRetry, func(s *suite, c taskdb.Claimed) error { _, err := s.Retry(s.Context(), c.ID); return err }},
}

// expireTask loses a task's lease that many times; it claims it in between.
func (s *suite) expireTask(id string, times int) error {
	for i := range times {
		s.clock.Advance(s.cfg.Lease + time.Second)
		if n, err := s.Reap(s.Context()); err != nil || n == 0 {
			return errors.Join(err, taskdb.ErrLeaseLost)
		}
		if i < times-1 {
			s.claimOne(id)
		}
	}
	return nil
}

func transitions(s *suite) {
	var seen []taskdb.Transition
	for i, from := range taskdb.States {
		for j, act := range acts {
			id := fmt.Sprintf("t-%d-%d", i, j)
			c := s.bring(id, from)
			before := s.get(id)
			err := act.do(s, c)
			after := s.get(id)
			switch {
			case from == taskdb.Canceled && act.action == taskdb.ActCancel:
				s.ok(err) // succeeds and changes nothing
				s.same(after, before)
			case may(from, act.action) != (err == nil):
				s.Errorf("%s of a task that is %s: %v", act.action, from, err)
			case err != nil:
				s.refusal(act.action, from, err)
				s.same(after, before)
			default:
				seen = append(seen, taskdb.Transition{From: from, Action: act.action, To: after.State})
			}
			s.ok(s.remove(id))
		}
	}
	for _, t := range taskdb.Transitions {
		if !slices.Contains(seen, t) {
			s.Errorf("never seen: %v", t)
		}
	}
	for _, t := range seen {
		if !slices.Contains(taskdb.Transitions, t) {
			s.Errorf("not in the table: %v", t)
		}
	}
}

func may(from taskdb.State, a taskdb.Action) bool {
	return slices.ContainsFunc(taskdb.Transitions, func(t taskdb.Transition) bool { return t.From == from && t.Action == a })
}

// refusal checks that a report is told of its lease, and all else of the state.
func (s *suite) refusal(a taskdb.Action, from taskdb.State, err error) {
	s.Helper()
	want := taskdb.ErrTransition
	switch a {
	case taskdb.ActFinish, taskdb.ActRelease, taskdb.ActFail, taskdb.ActExpire:
		want = taskdb.ErrLeaseLost
		if from == taskdb.Canceled && a != taskdb.ActExpire {
			want = taskdb.ErrCanceled
		}
	}
	if !errors.Is(err, want) {
		s.Errorf("%s of a task that is %s: %v, want %v", a, from, err, want)
	}
}

func cancel(s *suite) {
	s.create("a", func(t *taskdb.Task) { t.Keep = time.Hour })
	got, err := s.Cancel(s.Context(), "a")
	s.ok(err)
	s.same(got, s.get("a"))
	if got.State != taskdb.Canceled || got.FinishedAt.IsZero() || !got.ExpiresAt.Equal(got.FinishedAt.Add(time.Hour)) {
		s.Errorf("canceled: %s at %v, until %v", got.State, got.FinishedAt, got.ExpiresAt)
	}
	s.clock.Advance(time.Minute)
	again, err := s.Cancel(s.Context(), "a")
	s.ok(err)
	s.same(again, got)
	if list := s.claim(1); len(list) != 0 {
		s.Errorf("a canceled task was claimed")
	}
}

func retry(s *suite) {
	c := s.started("a", func(t *taskdb.Task) { t.Keep = time.Hour })
	s.ok(s.beat("a", c.Lease, 0.5))
	s.expire(1)
	c = s.claimOne("a")
	s.ok(s.fail("a", c.Lease, "passing", true))
	s.clock.Advance(s.cfg.Backoff(1) + time.Minute)
	c = s.claimOne("a")
	s.ok(s.fail("a", c.Lease, "bad", false))
	before := s.get("a")
	if before.Failures != 1 || before.Lost != 1 || before.Token != 3 || before.Error == nil || before.ExpiresAt.IsZero() {
		s.Fatalf("before: %+v", before)
	}
	got, err := s.Retry(s.Context(), "a")
	s.ok(err)
	want := before
	want.State, want.Failures, want.Lost, want.Error, want.FinishedAt, want.ExpiresAt = taskdb.NotStarted, 0, 0, nil, time.Time{}, time.Time{}
	want.RunAt, want.UpdatedAt = got.UpdatedAt, got.UpdatedAt
	s.same(got, want)
	s.same(s.get("a"), want)
	if got.RunAt.Before(before.FinishedAt) {
		s.Error("it does not run now")
	}
	if c := s.claimOne("a"); c.Token != 4 {
		s.Errorf("the token goes on with %d", c.Token)
	}
}

func notFound(s *suite) {
	_, err := s.Get(s.Context(), "a")
	s.is(err, taskdb.ErrNotFound)
	_, err = s.Cancel(s.Context(), "a")
	s.is(err, taskdb.ErrNotFound)
	_, err = s.Retry(s.Context(), "a")
	s.is(err, taskdb.ErrNotFound)
	s.is(s.remove("a"), taskdb.ErrNotFound)
	_, err = s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", ID: "a", Wait: time.Minute})
	s.is(err, taskdb.ErrNotFound)
}
