package taskdbtest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"minilab/internal/taskdb"
)

var finishCases = []testCase{
	{name: "a finish publishes its outputs", run: publishes},
	{name: "a late finish is accepted before the reaper comes", run: lateFinish},
	{name: "the same finish again succeeds, another does not", run: finishAgain},
	{name: "a finish without the wanted outputs is refused and costs nothing", run: badFinish},
	{name: "a task is kept for its time after its end", run: retention},
	{name: "of racing finishes with one lease all that are the same succeed", run: finishRace},
}

func publishes(s *suite) {
	t := rich(s)
	t.RunAt = time.Time{}
	_, _, err := s.Create(s.Context(), t)
	s.ok(err)
	list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", Accepts: []string{"gpu"}})
	s.ok(err)
	c := list[0]
	s.ok(s.fail("rich", c.Lease, "passing", true))
	s.clock.Advance(s.cfg.Backoff(1) + time.Minute)
	list, err = s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", Accepts: []string{"gpu"}})
	s.ok(err)
	c = list[0]
	if c.Error == nil || c.Error.Code != "passing" {
		s.Errorf("the error of the last attempt is %v", c.Error)
	}
	f := result(c)
	f.Outputs[0], f.Outputs[1] = f.Outputs[1], f.Outputs[0] // by name, not by place
	f.Outputs[0].Pipeline = parse(s, "swap/swap/swap")      // ignored
	f.Facts = json.RawMessage(`{"width": 3, "camera": "Ä<&>"}`)
	s.ok(s.finish(f))
	got := s.get("rich")
	want := c.Task
	want.State, want.Progress, want.Error = taskdb.Finished, 1, nil
	want.Outputs = []taskdb.Output{{Name: "big", Blob: f.Outputs[1].Blob}, {Name: "small", Pipeline: c.Outputs[1].Pipeline, Blob: f.Outputs[0].Blob}}
	want.UpdatedAt, want.FinishedAt, want.ExpiresAt = got.FinishedAt, got.FinishedAt, got.FinishedAt.Add(t.Keep)
	want.Facts = got.Facts
	s.same(got, want)
	var facts map[string]any
	s.ok(json.Unmarshal(got.Facts, &facts))
	if !reflect.DeepEqual(facts, map[string]any{"width": 3.0, "camera": "Ä<&>"}) || got.FinishedAt.Before(got.StartedAt) {
		s.Errorf("facts %s, finished at %v", got.Facts, got.FinishedAt)
	}
}

func lateFinish(s *suite) {
	c := s.started("a")
	s.clock.Advance(s.cfg.Deadline + s.cfg.Lease)
	s.ok(s.finish(result(c)))
	s.reap(0)
	if t := s.get("a"); t.State != taskdb.Finished || t.Lost != 0 {
		s.Errorf("it is %s, lost %d", t.State, t.Lost)
	}
}

func finishAgain(s *suite) {
	c := s.started("a", func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: "x"}, {Name: "y"}} })
	f := result(c)
	f.Facts = json.RawMessage(`{"a":"<1>"}`)
	s.ok(s.finish(f))
	before := s.get("a")
	s.clock.Advance(time.Hour)
	for range 3 {
		s.ok(s.finish(f))
	}
	f.Facts = json.RawMessage(`{ "a" : "<1>" }`)
	f.Outputs[0], f.Outputs[1] = f.Outputs[1], f.Outputs[0]
	s.ok(s.finish(f))
	for i, change := range []func(f *taskdb.Finish){
		func(f *taskdb.Finish) { f.Outputs[0].Key = "other" },
		func(f *taskdb.Finish) { f.Outputs[1].SHA256 = "other" },
		func(f *taskdb.Finish) { f.Outputs[0].Size++ },
		func(f *taskdb.Finish) { f.Outputs = f.Outputs[:1] },
		func(f *taskdb.Finish) { f.Facts = nil },
		func(f *taskdb.Finish) { f.Facts = json.RawMessage(`{"a":2}`) },
		func(f *taskdb.Finish) { f.Lease += "x" },
	} {
		other := result(c)
		other.Facts = f.Facts
		change(&other)
		if err := s.finish(other); err == nil {
			s.Errorf("case %d: another finish succeeded", i)
		} else {
			s.is(err, taskdb.ErrLeaseLost)
		}
	}
	s.same(s.get("a"), before)
}

func badFinish(s *suite) {
	c := s.started("a", func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: "x"}, {Name: "y"}} })
	before := s.get("a")
	for i, change := range []func(f *taskdb.Finish){
		func(f *taskdb.Finish) { f.Outputs = nil },
		func(f *taskdb.Finish) { f.Outputs = f.Outputs[:1] },
		func(f *taskdb.Finish) { f.Outputs[1].Name = "x" },
		func(f *taskdb.Finish) { f.Outputs[1].Name = "z" },
		func(f *taskdb.Finish) { f.Outputs = append(f.Outputs, f.Outputs[0]) },
		func(f *taskdb.Finish) { f.Outputs[0].Key = "" },
		func(f *taskdb.Finish) { f.Outputs[0].SHA256 = "" },
		func(f *taskdb.Finish) { f.Facts = json.RawMessage(`[1]`) },
		func(f *taskdb.Finish) { f.Facts = json.RawMessage(`null`) },
		func(f *taskdb.Finish) { f.Facts = json.RawMessage(`{"cut`) },
		func(f *taskdb.Finish) { f.Facts = facts(taskdb.MaxFacts + 1) },
	} {
		f := result(c)
		change(&f)
		if err := s.finish(f); err == nil {
			s.Errorf("case %d was accepted", i)
		} else {
			s.is(err, taskdb.ErrTask)
		}
	}
	s.same(s.get("a"), before)
	f := result(c)
	f.Facts = facts(taskdb.MaxFacts)
	s.ok(s.finish(f))
}

// facts is a JSON object of that many bytes.
func facts(size int) json.RawMessage {
	return json.RawMessage(`{"a":"` + strings.Repeat("x", size-len(`{"a":""}`)) + `"}`)
}

func retention(s *suite) {
	keep := func(t *taskdb.Task) { t.Keep = 90 * time.Minute }
	for _, state := range []taskdb.State{taskdb.Finished, taskdb.Failed, taskdb.Canceled} {
		s.create("before-"+string(state), keep)
		c := s.claimOne("before-" + string(state))
		s.clock.Advance(time.Second)
		var err error
		switch state {
		case taskdb.Finished:
			err = s.finish(result(c))
		case taskdb.Failed:
			err = s.fail(c.ID, c.Lease, "x", false)
		default:
			_, err = s.Cancel(s.Context(), c.ID)
		}
		s.ok(err)
		t := s.get(c.ID)
		if t.FinishedAt.Before(t.StartedAt.Add(time.Second)) || !t.ExpiresAt.Equal(t.FinishedAt.Add(90*time.Minute)) {
			s.Errorf("%s: ended %v, expires %v", state, t.FinishedAt, t.ExpiresAt)
		}
		s.bring("for-ever-"+string(state), state)
		if t := s.get("for-ever-" + string(state)); !t.ExpiresAt.IsZero() || t.FinishedAt.IsZero() {
			s.Errorf("%s without a limit expires %v", state, t.ExpiresAt)
		}
	}
	if t := s.create("waiting", keep); !t.ExpiresAt.IsZero() || t.Keep != 90*time.Minute {
		s.Errorf("a waiting task expires %v", t.ExpiresAt)
	}
}

func finishRace(s *suite) {
	for i := range 10 {
		c := s.started(fmt.Sprint("t-", i))
		var succeeded [8]bool
		together(8, func(n int) {
			f := result(c)
			f.Outputs[0].Size = int64(n % 2)
			succeeded[n] = s.finish(f) == nil
		})
		winner := s.get(c.ID).Outputs[0].Size
		for n, ok := range succeeded {
			if ok != (int64(n%2) == winner) {
				s.Fatalf("result %d won; finish %d succeeded: %v", winner, n, ok)
			}
		}
	}
}
