package taskdbtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"minilab/internal/taskdb"
)

var failCases = []testCase{
	{name: "failures: a passing error is tried again until it has come too often", run: failures},
	{name: "crashes: an image that kills the engine twice has failed", run: crashes},
	{name: "lost: a task whose workers are lost is tried long", run: lost},
	{name: "a failure is as it is judged", run: judged},
	{name: "the same failure again is lost", run: failAgain},
	{name: "an attempt after a failure waits for its backoff", run: backedOff},
	{name: "a worker's error is cut to size", run: clamped},
	{name: "the counters do not touch each other", run: counters, with: backoff(0)},
}

// failures wants the backoffs of the first four.
func failures(s *suite) {
	s.create("a")
	for n := 1; n <= taskdb.MaxFailures; n++ {
		c := s.claimOne("a")
		s.ok(s.fail("a", c.Lease, "passing", true))
		t := s.get("a")
		if t.Failures != n || t.Error == nil || t.Error.Code != "passing" || t.Error.Detail != "it failed" {
			s.Fatalf("after %d: failures %d, error %v", n, t.Failures, t.Error)
		}
		if n == taskdb.MaxFailures {
			if t.State != taskdb.Failed || t.FinishedAt.IsZero() {
				s.Errorf("after the last it is %s", t.State)
			}
			return
		}
		if t.State != taskdb.NotStarted || t.RunAt.Sub(t.UpdatedAt) != s.cfg.Backoff(n) {
			s.Fatalf("after %d it is %s and runs after %v", n, t.State, t.RunAt.Sub(t.UpdatedAt))
		}
		s.clock.Advance(s.cfg.Backoff(n) + time.Second)
	}
}

func crashes(s *suite) {
	c := s.started("a")
	s.ok(s.fail("a", c.Lease, "decoder-crashed", true))
	if t := s.get("a"); t.State != taskdb.NotStarted || t.Crashes != 1 || t.Failures != 0 {
		s.Fatalf("after one: %s, crashes %d, failures %d", t.State, t.Crashes, t.Failures)
	}
	s.clock.Advance(s.cfg.Backoff(1) + time.Second)
	c = s.claimOne("a")
	s.ok(s.fail("a", c.Lease, "decoder-memory", true))
	if t := s.get("a"); t.State != taskdb.Failed || t.Crashes != taskdb.MaxCrashes || t.Error.Code != "decoder-memory" {
		s.Fatalf("after two: %s, crashes %d, error %v", t.State, t.Crashes, t.Error)
	}
}

func lost(s *suite) {
	s.create("a")
	for n := 1; n <= taskdb.MaxLost; n++ {
		s.claimOne("a")
		s.expire(1)
		t := s.get("a")
		want := taskdb.NotStarted
		if n == taskdb.MaxLost {
			want = taskdb.Failed
		}
		if t.State != want || t.Lost != n || t.Failures+t.Crashes != 0 || t.Error == nil {
			s.Fatalf("after %d: %s, lost %d, error %v", n, t.State, t.Lost, t.Error)
		}
	}
}

func judged(s *suite) {
	for i, f := range []taskdb.Failure{
		{Error: taskdb.Error{Code: "not-an-image", Detail: "this is a text"}},
		{Error: taskdb.Error{Code: "decoder-crashed"}},
		{Error: taskdb.Error{Code: "decoder-timeout"}, Retry: true},
		{Error: taskdb.Error{Code: "storage-away"}, Retry: true},
		{},
	} {
		c := s.started("t-" + strings.Repeat("x", i))
		v := taskdb.Judge(c.Task, f)
		f.ID, f.Lease = c.ID, c.Lease
		s.ok(s.only(s.Fail(s.Context(), []taskdb.Failure{f})))
		t := s.get(c.ID)
		if t.State != v.State || t.Failures != v.Failures || t.Crashes != v.Crashes || t.Lost != v.Lost || *t.Error != v.Error {
			s.Errorf("case %d: %+v, want %+v", i, t, v)
		}
	}
}

func failAgain(s *suite) {
	for id, retry := range map[string]bool{"a": true, "b": false} {
		c := s.started(id)
		s.ok(s.fail(id, c.Lease, "x", retry))
		before := s.get(id)
		s.is(s.fail(id, c.Lease, "x", retry), taskdb.ErrLeaseLost)
		s.same(s.get(id), before)
	}
}

func backedOff(s *suite) {
	c := s.started("a")
	s.ok(s.fail("a", c.Lease, "x", true))
	s.create("b")
	if got := claimedIDs(s.claim(5)); !slices.Equal(got, []string{"b"}) {
		s.Fatalf("claimed %v", got)
	}
	s.clock.Advance(s.cfg.Backoff(1) - time.Minute)
	if got := s.claim(5); len(got) != 0 {
		s.Fatalf("claimed %v a minute early", claimedIDs(got))
	}
	s.clock.Advance(2 * time.Minute)
	if got := claimedIDs(s.claim(5)); !slices.Equal(got, []string{"a"}) {
		s.Fatalf("claimed %v", got)
	}
}

func clamped(s *suite) {
	c := s.started("a")
	long := strings.Repeat("ä", taskdb.MaxDetail)
	s.ok(s.only(s.Fail(s.Context(), []taskdb.Failure{{ID: "a", Lease: c.Lease, Error: taskdb.Error{Code: long, Detail: long}}})))
	t := s.get("a")
	if len(t.Error.Code) != taskdb.MaxName || len(t.Error.Detail) != taskdb.MaxDetail || !strings.HasPrefix(long, t.Error.Detail) {
		s.Errorf("code of %d, detail of %d bytes", len(t.Error.Code), len(t.Error.Detail))
	}
	for i, code := range []string{"", "\x00", "\x00\x00"} { // nothing is left of them
		id := fmt.Sprint("none-", i)
		s.ok(s.fail(id, s.started(id).Lease, code, false))
		if t := s.get(id); t.State != taskdb.Failed || t.Error == nil || t.Error.Code == "" {
			s.Errorf("a failure with the code %q is %s, %+v", code, t.State, t.Error)
		}
	}
}

func counters(s *suite) {
	s.create("a")
	for range taskdb.MaxFailures - 1 {
		s.ok(s.fail("a", s.claimOne("a").Lease, "x", true))
		s.claimOne("a")
		s.expire(1)
	}
	s.ok(s.fail("a", s.claimOne("a").Lease, "decoder-crashed", true))
	s.ok(s.release("a", s.claimOne("a").Lease))
	t := s.get("a")
	if t.State != taskdb.NotStarted || t.Failures != taskdb.MaxFailures-1 || t.Lost != taskdb.MaxFailures-1 || t.Crashes != 1 {
		s.Errorf("%s, failures %d, lost %d, crashes %d", t.State, t.Failures, t.Lost, t.Crashes)
	}
}
