package taskdbtest

import (
	"time"

	"minilab/internal/taskdb"
)

var statsCases = []testCase{
	{name: "stats are right after every kind of change", run: statsFollow},
	{name: "stats tell ready from waiting", run: statsReady},
	{name: "stats tell the age of the oldest task", run: statsAge},
	{name: "stats count what ended in the last minute", run: statsMinute},
}

func (s *suite) stats() taskdb.Stats {
	s.Helper()
	stats, err := s.Stats(s.Context())
	s.ok(err)
	return stats
}

// wantCounts compares the counts with a listing.
func (s *suite) wantCounts(after string) {
	s.Helper()
	got := s.stats().Counts
	if len(got) != len(taskdb.States) {
		s.Errorf("after %s the counts are %v", after, got)
	}
	for _, state := range taskdb.States {
		if want := len(s.all(taskdb.Filter{State: state})); got[state] != int64(want) {
			s.Errorf("after %s %d are %s, want %d", after, got[state], state, want)
		}
	}
}

func statsFollow(s *suite) {
	s.wantCounts("nothing")
	s.createMany("t", 8)
	s.wantCounts("create")
	cs := s.claim(6)
	s.wantCounts("claim")
	s.ok(s.finish(result(cs[0])))
	s.ok(s.finish(result(cs[0])))
	s.wantCounts("finish")
	s.ok(s.fail(cs[1].ID, cs[1].Lease, "x", false))
	s.ok(s.fail(cs[2].ID, cs[2].Lease, "x", true))
	s.wantCounts("fail")
	s.ok(s.release(cs[3].ID, cs[3].Lease))
	s.wantCounts("release")
	_, err := s.Cancel(s.Context(), cs[4].ID)
	s.ok(err)
	s.wantCounts("cancel")
	s.expire(1)
	s.wantCounts("expiry")
	_, err = s.Retry(s.Context(), cs[1].ID)
	s.ok(err)
	s.wantCounts("retry")
	for _, c := range cs {
		s.ok(s.remove(c.ID))
		s.wantCounts("delete")
	}
	if _, _, err := s.Create(s.Context(), wanted("")); err == nil {
		s.Error("an invalid task was created")
	}
	s.wantCounts("a refusal")
}

func statsReady(s *suite) {
	s.createMany("t", 3)
	for _, d := range []time.Duration{time.Hour, 2 * time.Hour} {
		s.create("in-"+d.String()[:1], func(t *taskdb.Task) { t.RunAt = s.clock.Now().Add(d) })
	}
	want := func(ready int64) {
		s.Helper()
		if got := s.stats(); got.Ready != ready {
			s.Errorf("ready %d of %d, want %d", got.Ready, got.Counts[taskdb.NotStarted], ready)
		}
	}
	want(3)
	s.claim(1)
	want(2)
	s.clock.Advance(90 * time.Minute)
	want(3)
	s.claim(5)
	want(0)
	s.clock.Advance(time.Hour)
	want(1)
}

func statsAge(s *suite) {
	within := func(want time.Duration) {
		s.Helper()
		if got := s.stats().OldestAge; got < want || got > want+time.Minute {
			s.Errorf("the oldest is %v, want %v", got, want)
		}
	}
	within(0)
	s.clock.Advance(time.Hour)
	s.create("a")
	s.clock.Advance(time.Hour)
	s.create("b")
	within(time.Hour)
	s.claimOne("a")
	within(0)
	s.clock.Advance(2 * time.Hour)
	within(2 * time.Hour)
	s.reap(1)
	within(3 * time.Hour)
}

func statsMinute(s *suite) {
	want := func(finished, failed int64) {
		s.Helper()
		if got := s.stats(); got.FinishedMinute != finished || got.FailedMinute != failed {
			s.Errorf("finished %d, failed %d; want %d, %d", got.FinishedMinute, got.FailedMinute, finished, failed)
		}
	}
	s.createMany("t", 5)
	cs := s.claim(5)
	s.ok(s.finish(result(cs[0])))
	s.clock.Advance(40 * time.Second)
	s.ok(s.finish(result(cs[1])))
	s.ok(s.finish(result(cs[1])))
	s.ok(s.fail(cs[2].ID, cs[2].Lease, "x", false))
	_, err := s.Cancel(s.Context(), cs[3].ID)
	s.ok(err)
	want(2, 1)
	s.clock.Advance(22 * time.Second)
	want(1, 1)
	s.clock.Advance(time.Minute)
	s.ok(s.Trim(s.Context()))
	want(0, 0)
}
