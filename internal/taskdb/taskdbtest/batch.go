package taskdbtest

import (
	"errors"
	"fmt"

	"minilab/internal/taskdb"
)

var batchCases = []testCase{
	{name: "a list of reports is answered entry by entry", run: entryByEntry},
	{name: "the same entry twice in a list is as one after the other", run: entryTwice},
	{name: "an empty list has an empty answer", run: emptyList},
	{name: "a list has its limit", run: longList},
}

func entryByEntry(s *suite) {
	var cs []taskdb.Claimed
	for i := range 6 {
		cs = append(cs, s.started(fmt.Sprint("t-", i)))
	}
	_, err := s.Cancel(s.Context(), "t-1")
	s.ok(err)
	cs[2].Lease = "nonsense"
	s.ok(s.remove("t-3"))
	s.ok(s.release("t-4", cs[4].Lease))
	want := []error{nil, taskdb.ErrCanceled, taskdb.ErrLeaseLost, taskdb.ErrLeaseLost, taskdb.ErrLeaseLost, nil}
	var beats []taskdb.Heartbeat
	var finishes []taskdb.Finish
	var failures []taskdb.Failure
	var releases []taskdb.Release
	for _, c := range cs {
		beats = append(beats, taskdb.Heartbeat{ID: c.ID, Lease: c.Lease, Progress: 0.5})
		releases = append(releases, taskdb.Release{ID: c.ID, Lease: c.Lease})
		finishes = append(finishes, result(c))
		failures = append(failures, taskdb.Failure{ID: c.ID, Lease: c.Lease, Retry: true})
	}
	s.answers(want)(s.Heartbeat(s.Context(), beats))
	s.answers([]error{want[1], nil})(s.Release(s.Context(), []taskdb.Release{releases[1], releases[5]}))
	want[5] = taskdb.ErrLeaseLost
	finishes[0].Outputs = nil
	want[0] = taskdb.ErrTask
	s.answers(want)(s.Finish(s.Context(), finishes))
	want[0] = nil
	s.answers(want)(s.Fail(s.Context(), failures))
	want[0] = taskdb.ErrLeaseLost
	s.answers(want)(s.Release(s.Context(), releases))
	for id, state := range map[string]taskdb.State{"t-0": taskdb.NotStarted, "t-1": taskdb.Canceled, "t-2": taskdb.InProgress, "t-5": taskdb.NotStarted} {
		if got := s.get(id).State; got != state {
			s.Errorf("%s is %s, want %s", id, got, state)
		}
	}
}

func (s *suite) answers(want []error) func(errs []error, err error) {
	return func(errs []error, err error) {
		s.Helper()
		s.ok(err)
		if len(errs) != len(want) {
			s.Fatalf("%d answers, want %d", len(errs), len(want))
		}
		for i := range want {
			if !errors.Is(errs[i], want[i]) {
				s.Errorf("entry %d: %v, want %v", i, errs[i], want[i])
			}
		}
	}
}

func entryTwice(s *suite) {
	a, b := s.started("a"), s.started("b")
	s.answers([]error{nil, nil})(s.Finish(s.Context(), []taskdb.Finish{result(a), result(a)}))
	r := taskdb.Release{ID: "b", Lease: b.Lease}
	s.answers([]error{nil, taskdb.ErrLeaseLost})(s.Release(s.Context(), []taskdb.Release{r, r}))
}

func emptyList(s *suite) {
	s.answers(nil)(s.Heartbeat(s.Context(), nil))
	s.answers(nil)(s.Finish(s.Context(), nil))
	s.answers(nil)(s.Fail(s.Context(), []taskdb.Failure{}))
	s.answers(nil)(s.Release(s.Context(), []taskdb.Release{}))
}

func longList(s *suite) {
	c := s.started("a")
	beats := make([]taskdb.Heartbeat, taskdb.MaxBatch+1)
	for i := range beats {
		beats[i] = taskdb.Heartbeat{ID: "a", Lease: c.Lease}
	}
	_, err := s.Heartbeat(s.Context(), beats)
	s.is(err, taskdb.ErrTask)
	_, err = s.Finish(s.Context(), make([]taskdb.Finish, len(beats)))
	s.is(err, taskdb.ErrTask)
	_, err = s.Fail(s.Context(), make([]taskdb.Failure, len(beats)))
	s.is(err, taskdb.ErrTask)
	_, err = s.Release(s.Context(), make([]taskdb.Release, len(beats)))
	s.is(err, taskdb.ErrTask)
	s.answers(make([]error, taskdb.MaxBatch))(s.Heartbeat(s.Context(), beats[1:]))
}
