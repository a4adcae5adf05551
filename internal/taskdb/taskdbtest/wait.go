package taskdbtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"minilab/internal/taskdb"
)

var waitCases = []testCase{
	{name: "a waiting claim wakes when a task is created", run: wakesBy(func(s *suite) { s.create("a") })},
	{name: "a waiting claim wakes when a task is released", run: wakesAfter(func(s *suite, c taskdb.Claimed) { s.ok(s.release(c.ID, c.Lease)) })},
	{name: "a waiting claim wakes when a task has failed and is tried again at once", with: backoff(0),
		run: wakesAfter(func(s *suite, c taskdb.Claimed) { s.ok(s.fail(c.ID, c.Lease, "x", true)) })},
	{name: "a waiting claim wakes when a backoff is over", with: backoff(20 * time.Millisecond),
		run: wakesAfter(func(s *suite, c taskdb.Claimed) { s.ok(s.fail(c.ID, c.Lease, "x", true)) })},
	{name: "a waiting claim wakes when a task is retried", run: wakesAfter(func(s *suite, c taskdb.Claimed) {
		s.ok(s.fail(c.ID, c.Lease, "x", false))
		_, err := s.Retry(s.Context(), c.ID)
		s.ok(err)
	})},
	{name: "a waiting claim wakes when a lease expires", run: wakesAfter(func(s *suite, _ taskdb.Claimed) { s.expire(1) })},
	{name: "a waiting claim wakes when a task's time has come", run: wakesBy(func(s *suite) {
		s.create("a", func(t *taskdb.Task) { t.RunAt = s.clock.Now().Add(20 * time.Millisecond) })
	})},
	{name: "a claim that begins to wait knows of tasks whose time will come", run: runAtBefore},
	{name: "a waiting claim is not woken by what it does not accept", run: wakesExactly},
	{name: "a crowd of waiting claims gets each task once", run: crowd},
	{name: "a waiting claim that gives up loses no task", run: givingUp},
	{name: "a claim waits no longer than it was asked to", run: timesOut},
	{name: "a waiting claim ends with its context", run: waitCanceled},
}

func backoff(d time.Duration) func(*Config) {
	return func(c *Config) { c.Backoff = func(int) time.Duration { return d } }
}

// answer is what a claim in the background came to.
type answer struct {
	list []taskdb.Claimed
	err  error
}

// waiting starts a claim that waits.
func (s *suite) waiting(ctx context.Context, r taskdb.ClaimRequest) <-chan answer {
	if r.Worker == "" {
		r.Worker = "waiting"
	}
	r.Wait = taskdb.MaxWait
	done := make(chan answer, 1)
	go func() {
		list, err := s.Claim(ctx, r)
		done <- answer{list, err}
	}()
	return done
}

// settle gives claims under way the time to begin to wait. If they do not,
// the case holds nevertheless.
func (s *suite) settle() {
	for range 20 {
		_, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "settle", Accepts: []string{"nothing"}})
		s.ok(err)
	}
}

func (s *suite) wantOne(done <-chan answer, id string) {
	s.Helper()
	select {
	case a := <-done:
		s.ok(a.err)
		if len(a.list) != 1 || a.list[0].ID != id {
			s.Fatalf("woke with %v, want %q", claimedIDs(a.list), id)
		}
	case <-time.After(patience):
		s.Fatalf("was not woken for %q", id)
	}
}

func wakesBy(event func(s *suite)) func(s *suite) {
	return func(s *suite) {
		done := s.waiting(s.Context(), taskdb.ClaimRequest{Max: 2})
		s.settle()
		event(s)
		s.wantOne(done, "a")
	}
}

func wakesAfter(event func(s *suite, c taskdb.Claimed)) func(s *suite) {
	return func(s *suite) {
		c := s.started("a")
		wakesBy(func(s *suite) { event(s, c) })(s)
	}
}

func runAtBefore(s *suite) {
	s.create("later", func(t *taskdb.Task) { t.RunAt = s.clock.Now().Add(time.Hour) })
	s.create("soon", func(t *taskdb.Task) { t.RunAt = s.clock.Now().Add(50 * time.Millisecond) })
	s.wantOne(s.waiting(s.Context(), taskdb.ClaimRequest{}), "soon")
}

func wakesExactly(s *suite) {
	gpu := s.waiting(s.Context(), taskdb.ClaimRequest{Accepts: []string{"gpu"}})
	s.settle()
	image := s.waiting(s.Context(), taskdb.ClaimRequest{})
	s.settle()
	s.create("a")
	s.wantOne(image, "a")
	s.create("b", func(t *taskdb.Task) { t.Needs = "gpu" })
	s.wantOne(gpu, "b")
}

func crowd(s *suite) {
	const n = 32
	var all []<-chan answer
	for i := range n {
		all = append(all, s.waiting(s.Context(), taskdb.ClaimRequest{Worker: fmt.Sprint("w", i), Accepts: []string{"image", "gpu"}[:1+i%2]}))
	}
	s.settle()
	together(4, func(who int) {
		for i := range n / 4 {
			t := wanted(fmt.Sprintf("t-%d-%d", who, i))
			t.Owner = fmt.Sprint("o", i%3)
			if _, _, err := s.Create(s.Context(), t); err != nil {
				s.Error(err)
			}
		}
	})
	held := map[string]bool{}
	for i, done := range all {
		select {
		case a := <-done:
			s.ok(a.err)
			if len(a.list) != 1 || held[a.list[0].ID] {
				s.Fatalf("claim %d got %v", i, claimedIDs(a.list))
			}
			held[a.list[0].ID] = true
		case <-time.After(patience):
			s.Fatalf("claim %d was not woken", i)
		}
	}
}

func givingUp(s *suite) {
	for round := range 20 {
		ctx, leave := context.WithCancel(s.Context())
		first := s.waiting(ctx, taskdb.ClaimRequest{})
		second := s.waiting(s.Context(), taskdb.ClaimRequest{})
		s.settle()
		id := fmt.Sprint("t-", round)
		var wg sync.WaitGroup
		wg.Go(leave)
		s.create(id)
		wg.Wait()
		a := <-first
		if a.err == nil && len(a.list) == 1 { // it was faster than its caller
			s.ok(s.release(id, a.list[0].Lease))
		}
		s.reapLost()
		s.wantOne(second, id)
		s.ok(s.remove(id))
	}
}

func timesOut(s *suite) {
	start := time.Now()
	list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", Wait: 50 * time.Millisecond})
	s.ok(err)
	if d := time.Since(start); len(list) != 0 || d < 50*time.Millisecond || d > patience {
		s.Errorf("got %v after %v", claimedIDs(list), d)
	}
}

func waitCanceled(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	done := s.waiting(ctx, taskdb.ClaimRequest{})
	s.settle()
	cancel()
	select {
	case a := <-done:
		if !errors.Is(a.err, context.Canceled) {
			s.Errorf("ended with %v", a.err)
		}
	case <-time.After(patience):
		s.Fatal("waits on")
	}
	s.create("a")
	s.wantOne(s.waiting(s.Context(), taskdb.ClaimRequest{}), "a")
}
