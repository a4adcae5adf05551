package taskdbtest

import (
	"errors"
	"math"
	"strings"
	"time"

	"minilab/internal/taskdb"
)

var leaseCases = []testCase{
	{name: "a heartbeat extends a lease by its duration", run: heartbeats},
	{name: "an expired lease that was not reaped lives on", run: livesOn},
	{name: "a heartbeat does not extend a lease past the deadline", run: deadline, with: func(c *Config) { c.Deadline = 150 * time.Minute }},
	{name: "a deadline shorter than a lease bounds it", run: shortDeadline, with: func(c *Config) { c.Deadline = time.Minute }},
	{name: "a lease that was reaped is lost to every report", run: lostToAll},
	{name: "a lease that is none is lost to every report", run: malformed},
	{name: "leases cannot be guessed from each other", run: unguessable},
	{name: "a canceled task's lease is told so by every report", run: canceledToAll},
	{name: "a lease before the last one is not told of a cancel", run: canceledLater},
	{name: "a deleted task's lease is lost", run: deletedLease},
	{name: "progress is from 0 to 1", run: progress},
	{name: "a release moves no counter and is ready at once", run: released},
	{name: "a finish or a cancel wins, never both", run: cancelRace},
}

func heartbeats(s *suite) {
	c := s.started("a")
	for range 5 {
		s.clock.Advance(s.cfg.Lease * 3 / 4)
		s.ok(s.beat("a", c.Lease, 0.25))
		s.reap(0)
	}
	if t := s.get("a"); t.Progress != 0.25 || t.Token != 1 {
		s.Errorf("progress %v, token %d", t.Progress, t.Token)
	}
	s.expire(1)
}

func livesOn(s *suite) {
	c := s.started("a")
	s.clock.Advance(s.cfg.Lease * 2)
	s.ok(s.beat("a", c.Lease, 0))
	s.reap(0)
	s.ok(s.finish(result(c)))
}

func deadline(s *suite) {
	c := s.started("a")
	for range 3 { // to 135 of 150 minutes
		s.clock.Advance(45 * time.Minute)
		s.ok(s.beat("a", c.Lease, 0))
		s.reap(0)
	}
	s.clock.Advance(16 * time.Minute)
	s.reap(1)
	s.is(s.beat("a", c.Lease, 0), taskdb.ErrLeaseLost)
	if d := s.claimOne("a"); d.Deadline != s.cfg.Deadline {
		s.Errorf("the next attempt has %v", d.Deadline)
	}
}

func shortDeadline(s *suite) {
	c := s.started("a")
	if c.Duration != time.Minute || c.Deadline != time.Minute {
		s.Errorf("lease %v, deadline %v", c.Duration, c.Deadline)
	}
	s.clock.Advance(61 * time.Second)
	s.reap(1)
}

// everyReport makes each kind of report and wants one error of all.
func (s *suite) everyReport(c taskdb.Claimed, lease string, want error) {
	s.Helper()
	c.Lease = lease
	for name, err := range map[string]error{
		"heartbeat": s.beat(c.ID, lease, 0.5),
		"finish":    s.finish(result(c)),
		"fail":      s.fail(c.ID, lease, "x", true),
		"release":   s.release(c.ID, lease),
	} {
		if !errors.Is(err, want) {
			s.Errorf("%s of %q with lease %.40q: %v, want %v", name, c.ID, lease, err, want)
		}
	}
}

func lostToAll(s *suite) {
	c := s.started("a")
	s.expire(1)
	waiting := s.get("a")
	s.everyReport(c, c.Lease, taskdb.ErrLeaseLost)
	s.same(s.get("a"), waiting)
	d := s.claimOne("a")
	running := s.get("a")
	s.everyReport(c, c.Lease, taskdb.ErrLeaseLost)
	s.same(s.get("a"), running)
	s.ok(s.finish(result(d)))
	finished := s.get("a")
	s.everyReport(c, c.Lease, taskdb.ErrLeaseLost)
	s.same(s.get("a"), finished)
}

func malformed(s *suite) {
	c := s.started("a")
	other := s.started("b")
	before := s.get("a")
	token, _, _ := strings.Cut(c.Lease, ".")
	for _, lease := range []string{
		"", " ", "x", "0", "1", "-1", token, token + ".", "2" + c.Lease, c.Lease + " ", " " + c.Lease, c.Lease + "x", c.Lease[1:],
		strings.ToLower(c.Lease) + "\x00", other.Lease, "%", "_", "' OR 1=1 --", strings.Repeat("9", 100_000), "ü\n",
	} {
		s.everyReport(c, lease, taskdb.ErrLeaseLost)
	}
	for _, id := range []string{"", "nobody", "UPPER", "in-progress", "a ", strings.Repeat("a", 1000)} {
		c.ID = id
		s.everyReport(c, c.Lease, taskdb.ErrLeaseLost)
	}
	s.same(s.get("a"), before)
}

func unguessable(s *suite) {
	seen := map[string]bool{}
	s.createMany("t", 20)
	for _, c := range append(s.claim(10), s.claim(1)...) {
		if seen[c.Lease+c.ID] || len(c.Lease) < 20 {
			s.Errorf("lease %q", c.Lease)
		}
		seen[c.Lease+c.ID] = true
	}
	c := s.claim(1)[0]
	for range 5 {
		s.ok(s.release(c.ID, c.Lease))
		d := s.claimOne(c.ID)
		_, a, _ := strings.Cut(c.Lease, ".")
		_, b, _ := strings.Cut(d.Lease, ".")
		if a == b {
			s.Fatalf("leases %q and %q follow from each other", c.Lease, d.Lease)
		}
		c = d
	}
}

func canceledToAll(s *suite) {
	c := s.started("a")
	_, err := s.Cancel(s.Context(), "a")
	s.ok(err)
	before := s.get("a")
	s.everyReport(c, c.Lease, taskdb.ErrCanceled)
	s.everyReport(c, c.Lease+"x", taskdb.ErrLeaseLost)
	s.same(s.get("a"), before)
	s.clock.Advance(s.cfg.Lease * 2)
	s.reap(0)
	_, err = s.Retry(s.Context(), "a")
	s.ok(err)
	s.everyReport(c, c.Lease, taskdb.ErrLeaseLost)
}

func canceledLater(s *suite) {
	c := s.started("a")
	s.expire(1)
	_, err := s.Cancel(s.Context(), "a")
	s.ok(err)
	s.everyReport(c, c.Lease, taskdb.ErrLeaseLost)
}

func deletedLease(s *suite) {
	c := s.started("a")
	s.ok(s.remove("a"))
	s.everyReport(c, c.Lease, taskdb.ErrLeaseLost)
	s.started("a")
	s.everyReport(c, c.Lease, taskdb.ErrLeaseLost)
}

func progress(s *suite) {
	c := s.started("a")
	for in, want := range map[float64]float64{
		0.5: 0.5, 1: 1, 2: 1, -1: 0, math.Inf(1): 1, math.Inf(-1): 0, 1e-300: 1e-300,
	} {
		s.ok(s.beat("a", c.Lease, in))
		if got := s.get("a").Progress; got != want {
			s.Errorf("%v reads as %v", in, got)
		}
	}
	s.ok(s.beat("a", c.Lease, math.NaN()))
	if got := s.get("a").Progress; got != 0 {
		s.Errorf("what is no number reads as %v", got)
	}
	s.ok(s.beat("a", c.Lease, 0.7))
	s.ok(s.release("a", c.Lease))
	if got := s.claimOne("a").Progress; got != 0 {
		s.Errorf("the next attempt begins at %v", got)
	}
}

func released(s *suite) {
	for want := range int64(30) {
		if want == 0 {
			s.create("a")
		}
		c := s.claimOne("a")
		s.ok(s.release("a", c.Lease))
		t := s.get("a")
		if t.State != taskdb.NotStarted || t.Failures+t.Crashes+t.Lost != 0 || t.Error != nil || t.Token != want+1 || t.RunAt.After(s.clock.Now()) {
			s.Fatalf("released: %+v", t)
		}
		s.is(s.release("a", c.Lease), taskdb.ErrLeaseLost)
	}
}

func cancelRace(s *suite) {
	for i := range 30 {
		c := s.started("r" + strings.Repeat("x", i))
		var finished, canceled error
		together(2, func(who int) {
			if who == 0 {
				finished = s.finish(result(c))
			} else {
				_, canceled = s.Cancel(s.Context(), c.ID)
			}
		})
		switch t := s.get(c.ID); {
		case finished == nil && errors.Is(canceled, taskdb.ErrTransition) && t.State == taskdb.Finished:
		case canceled == nil && errors.Is(finished, taskdb.ErrCanceled) && t.State == taskdb.Canceled && t.Outputs[0].Key == "":
		default:
			s.Fatalf("finish: %v, cancel: %v, and the task is %s", finished, canceled, t.State)
		}
	}
}
