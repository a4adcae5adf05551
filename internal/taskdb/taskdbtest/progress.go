package taskdbtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"minilab/internal/taskdb"
)

var progressCases = []testCase{
	{name: "the feed tells how an attempt gets on", run: getsOn},
	{name: "the feed tells of a hundredth, not of less", run: smallSteps},
	{name: "an attempt is told of only so often", run: manyStages},
	{name: "an attempt's stage ends with it", run: stageEnds},
	{name: "the next attempt's progress is told from its beginning", run: progressAgain},
	{name: "what is no stage changes none", run: badStages},
	{name: "a waiting reader wakes for progress", run: progressWakes},
	{name: "a heartbeat without a lease is not told", run: lostProgress},
	{name: "every event tells the progress", run: progressOfAll},
}

func (s *suite) stage(c taskdb.Claimed, progress float64, stage string) {
	s.Helper()
	s.ok(s.only(s.Heartbeat(s.Context(), []taskdb.Heartbeat{{ID: c.ID, Lease: c.Lease, Progress: progress, Stage: stage}})))
}

// gotOn is what the feed tells of attempts that got on.
func gotOn(list []taskdb.Event) (got []string) {
	for _, e := range list {
		if e.GotOn() {
			got = append(got, fmt.Sprintf("%s %v %s", e.ID, e.Progress, e.Stage))
		}
	}
	return got
}

func (s *suite) wantProgress(want ...string) {
	s.Helper()
	if got := gotOn(s.events(0)); !slices.Equal(got, want) {
		s.Errorf("the feed tells\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func getsOn(s *suite) {
	c := s.started("a", of("ann", 0))
	before := s.clock.Now().Add(-time.Second)
	for _, b := range []struct {
		progress float64
		stage    string
	}{
		{0, ""}, {0, "fetching"}, {0, "fetching"}, {0.5, "altering"}, {0.5, ""}, {0.75, ""}, {0.25, "altering"}, {1, "storing"},
	} {
		s.stage(c, b.progress, b.stage)
	}
	s.wantProgress("a 0 fetching", "a 0.5 altering", "a 0.75 altering", "a 0.25 altering", "a 1 storing")
	if got := s.get("a"); got.Stage != "storing" || got.Progress != 1 || got.State != taskdb.InProgress {
		s.Errorf("the task has the stage %q at %v, %s", got.Stage, got.Progress, got.State)
	}
	for _, e := range s.events(0)[2:] {
		if e.Owner != "ann" || e.Token != 1 || e.Error != nil || e.Time.Before(before) || e.Time.After(s.clock.Now()) {
			s.Errorf("the feed tells %+v", e)
		}
	}
	s.ok(s.finish(result(c)))
}

func smallSteps(s *suite) {
	c := s.started("a")
	for i := range 26 {
		s.stage(c, float64(i)/1000, "")
		if got := s.get("a").Progress; got != float64(i)/1000 {
			s.Errorf("%d thousandths read as %v", i, got)
		}
	}
	s.wantProgress("a 0.01 ", "a 0.02 ")
	b := s.started("b")
	for i := 1; i <= 100; i++ { // though hundredths are no binary fractions
		s.stage(b, float64(i)/100, "")
	}
	if got := gotOn(s.events(0)); len(got) != 102 {
		s.Errorf("of 100 steps %d were told", len(got)-2)
	}
}

// manyStages: a worker that goes back and forth does not fill the feed.
func manyStages(s *suite) {
	s.create("a")
	for range 2 {
		c := s.claimOne("a")
		last := s.lastSeq()
		list := make([]taskdb.Heartbeat, taskdb.MaxBatch)
		for i := range list {
			list[i] = taskdb.Heartbeat{ID: c.ID, Lease: c.Lease, Progress: float64(i % 2), Stage: []string{"fetching", "altering"}[i%2]}
		}
		errs, err := s.Heartbeat(s.Context(), list)
		s.ok(err)
		for _, err := range errs {
			s.ok(err)
		}
		if told := gotOn(s.events(last)); len(told) != taskdb.MaxTold {
			s.Errorf("%d events tell of it, want %d", len(told), taskdb.MaxTold)
		}
		if got := s.get("a"); got.Progress != 1 || got.Stage != "altering" {
			s.Errorf("it is at %v of %s", got.Progress, got.Stage)
		}
		s.ok(s.release("a", c.Lease))
	}
}

// stageEnds: whatever ends an attempt ends its stage; the next one begins
// without, and tells its own from the start.
func stageEnds(s *suite) {
	ends := map[string]func(c taskdb.Claimed) error{
		"release": func(c taskdb.Claimed) error { return s.release(c.ID, c.Lease) },
		"fail":    func(c taskdb.Claimed) error { return s.fail(c.ID, c.Lease, "x", false) },
		"finish":  func(c taskdb.Claimed) error { return s.finish(result(c)) },
		"cancel":  func(c taskdb.Claimed) error { _, err := s.Cancel(s.Context(), c.ID); return err },
		"expire": func(taskdb.Claimed) error {
			s.expire(1)
			return nil
		},
	}
	for name, end := range ends {
		c := s.started(name)
		s.stage(c, 0.5, "altering")
		s.ok(end(c))
		if got := s.get(name).Stage; got != "" {
			s.Errorf("after %s it is at %q", name, got)
		}
		if state := s.get(name).State; state == taskdb.Failed || state == taskdb.Canceled {
			_, err := s.Retry(s.Context(), name)
			s.ok(err)
		}
		want := 1
		if s.get(name).State == taskdb.NotStarted {
			c := s.claimOne(name)
			if c.Stage != "" {
				s.Errorf("after %s the next attempt begins at %q", name, c.Stage)
			}
			s.stage(c, 0.5, "altering")
			s.ok(s.remove(name))
			want = 2
		}
		told := slices.DeleteFunc(gotOn(s.events(0)), func(e string) bool { return e != name+" 0.5 altering" })
		if len(told) != want {
			s.Errorf("%s: the feed tells %q, want %d", name, told, want)
		}
	}
}

func progressAgain(s *suite) {
	s.create("a")
	for range 2 {
		c := s.claimOne("a")
		s.stage(c, 0.5, "")
		s.ok(s.release("a", c.Lease))
	}
	s.wantProgress("a 0.5 ", "a 0.5 ")
}

func badStages(s *suite) {
	c := s.started("a")
	longest := strings.Repeat("z", taskdb.MaxStage)
	s.stage(c, 0, longest)
	for _, stage := range []string{longest + "z", "Altering", "a b", "a\n", "ä", "a_b", "a1", "\x00", "\xff", strings.Repeat("x", 100_000)} {
		s.stage(c, 0, stage)
		if got := s.get("a").Stage; got != longest {
			s.Errorf("%.40q is taken: %q", stage, got)
		}
	}
	s.stage(c, 0, "a-b")
	s.wantProgress("a 0 "+longest, "a 0 a-b")
}

func progressWakes(s *suite) {
	c := s.started("a")
	for i, stage := range []string{"fetching", "altering", "altering"} {
		done := s.tail(s.Context(), s.lastSeq())
		s.settle()
		s.stage(c, float64(i)/4, stage)
		select {
		case a := <-done:
			s.ok(a.err)
			if want := fmt.Sprintf("a %v %s", float64(i)/4, stage); !slices.Equal(gotOn(a.list), []string{want}) {
				s.Fatalf("woke with %v", told(a.list))
			}
		case <-time.After(patience):
			s.Fatal("was not woken")
		}
	}
}

func lostProgress(s *suite) {
	c := s.started("a")
	s.is(s.only(s.Heartbeat(s.Context(), []taskdb.Heartbeat{{ID: "a", Lease: c.Lease + "x", Progress: 0.5, Stage: "altering"}})), taskdb.ErrLeaseLost)
	s.expire(1)
	s.is(s.only(s.Heartbeat(s.Context(), []taskdb.Heartbeat{{ID: "a", Lease: c.Lease, Progress: 0.5, Stage: "altering"}})), taskdb.ErrLeaseLost)
	s.wantProgress()
	if got := s.get("a"); got.Stage != "" || got.Progress != 0 {
		s.Errorf("it is at %v of %q", got.Progress, got.Stage)
	}
}

func progressOfAll(s *suite) {
	c := s.started("a")
	s.stage(c, 0.5, "altering")
	s.ok(s.finish(result(c)))
	s.ok(s.remove("a"))
	b := s.started("b")
	s.stage(b, 0.25, "fetching")
	s.ok(s.release("b", b.Lease))
	d := s.claimOne("b")
	s.stage(d, 0.75, "")
	_, err := s.Cancel(s.Context(), "b")
	s.ok(err)
	got := ids(s.events(0), func(e taskdb.Event) string { return fmt.Sprintf("%s>%s %v %s", e.From, e.State, e.Progress, e.Stage) })
	want := []string{
		">not-started 0 ", "not-started>in-progress 0 ", "in-progress>in-progress 0.5 altering", "in-progress>finished 1 ", "finished>finished 1 ",
		">not-started 0 ", "not-started>in-progress 0 ", "in-progress>in-progress 0.25 fetching", "in-progress>not-started 0 ",
		"not-started>in-progress 0 ", "in-progress>in-progress 0.75 ", "in-progress>canceled 0.75 ",
	}
	if !slices.Equal(got, want) {
		s.Errorf("the feed is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
