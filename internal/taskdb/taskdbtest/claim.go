package taskdbtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"minilab/internal/taskdb"
)

var claimCases = []testCase{
	{name: "a claim gives the task with a lease on it", run: claimGives},
	{name: "with nothing to give a claim is an empty list", run: claimEmpty},
	{name: "limits of a claim", run: claimLimits},
	{name: "a claim of a very task", run: claimByID},
	{name: "a worker gets what it accepts", run: needs},
	{name: "work is not given out before its time", run: runAt},
	{name: "a repeated request gives the same leases", run: requestAgain},
	{name: "a repeated request does not give an attempt whose time is over", run: requestOver, with: func(c *Config) { c.Deadline = c.Lease + time.Minute }},
	{name: "a repeated request by many at once gives the same leases", run: requestRace},
	{name: "no two workers hold a task", run: exclusive},
	{name: "racing claimers get each task once", run: racingClaimers},
}

func claimGives(s *suite) {
	t := s.create("a")
	s.clock.Advance(time.Minute)
	list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w 1"})
	s.ok(err)
	if len(list) != 1 {
		s.Fatalf("claimed %d", len(list))
	}
	c := list[0]
	want := t
	want.State, want.Worker, want.Token = taskdb.InProgress, "w 1", 1
	want.StartedAt, want.UpdatedAt = c.StartedAt, c.StartedAt
	s.same(c.Task, want)
	s.same(s.get("a"), want)
	if c.StartedAt.Before(t.CreatedAt.Add(time.Minute)) || c.Lease == "" || c.Duration != s.cfg.Lease || c.Deadline != s.cfg.Deadline {
		s.Errorf("started %v, lease %q for %v, deadline %v", c.StartedAt, c.Lease, c.Duration, c.Deadline)
	}
}

func claimEmpty(s *suite) {
	list := s.claim(5)
	if list == nil || len(list) != 0 {
		s.Errorf("got %v", list)
	}
	list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", Wait: 10 * time.Millisecond})
	if err != nil || len(list) != 0 {
		s.Errorf("after waiting: %v, %v", list, err)
	}
}

func claimLimits(s *suite) {
	s.createMany("t", taskdb.MaxClaim+1)
	long := strings.Repeat("x", taskdb.MaxName)
	for i, c := range []struct {
		ok bool
		r  taskdb.ClaimRequest
	}{
		{false, taskdb.ClaimRequest{}},
		{true, taskdb.ClaimRequest{Worker: long, Request: long, Accepts: []string{long}}},
		{false, taskdb.ClaimRequest{Worker: long + "x"}},
		{false, taskdb.ClaimRequest{Worker: "a\x00"}},
		{false, taskdb.ClaimRequest{Worker: "w", Request: long + "x"}},
		{false, taskdb.ClaimRequest{Worker: "w", Accepts: []string{long + "x"}}},
		{true, taskdb.ClaimRequest{Worker: "w", Accepts: slices.Repeat([]string{"x"}, taskdb.MaxTags)}},
		{false, taskdb.ClaimRequest{Worker: "w", Accepts: slices.Repeat([]string{"x"}, taskdb.MaxTags+1)}},
		{false, taskdb.ClaimRequest{Worker: "w", Max: -1}},
		{false, taskdb.ClaimRequest{Worker: "w", Max: taskdb.MaxClaim + 1}},
		{false, taskdb.ClaimRequest{Worker: "w", Wait: -1}},
		{false, taskdb.ClaimRequest{Worker: "w", Wait: taskdb.MaxWait + 1}},
		{true, taskdb.ClaimRequest{Worker: "w", Wait: taskdb.MaxWait}},
	} {
		_, err := s.Claim(s.Context(), c.r)
		if c.ok != (err == nil) || err != nil && !errors.Is(err, taskdb.ErrTask) {
			s.Errorf("case %d: %v", i, err)
		}
	}
	if n := len(s.claim(taskdb.MaxClaim)); n != taskdb.MaxClaim {
		s.Errorf("claimed %d, want %d", n, taskdb.MaxClaim)
	}
}

func claimByID(s *suite) {
	s.create("a")
	s.create("b", func(t *taskdb.Task) { t.Needs = "gpu" })
	s.create("c", func(t *taskdb.Task) { t.RunAt = s.clock.Now().Add(time.Hour) })
	s.create("d", func(t *taskdb.Task) { t.Priority = -5 })
	s.claimOne("d")
	s.claimOne("a")
	for _, id := range []string{"a", "b", "c"} { // each with another reason
		_, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", ID: id, Wait: taskdb.MaxWait})
		s.is(err, taskdb.ErrTransition)
	}
	list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", ID: "b", Accepts: []string{"x", "gpu"}, Max: 5, Request: "r"})
	s.ok(err)
	again, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", ID: "b", Accepts: []string{"x", "gpu"}, Max: 5, Request: "r"})
	s.ok(err)
	if len(list) != 1 || len(again) != 1 || list[0].Lease != again[0].Lease {
		s.Errorf("claimed %v, again %v", claimedIDs(list), claimedIDs(again))
	}
	s.clock.Advance(2 * time.Hour)
	s.claimOne("c")
}

func needs(s *suite) {
	for _, n := range []string{"gpu", "", "avif", "gpu"} {
		s.create("t-"+n+fmt.Sprint(len(s.all(taskdb.Filter{}))), func(t *taskdb.Task) { t.Needs = n })
	}
	for _, c := range []struct {
		accepts []string
		want    string
	}{
		{[]string{"other"}, ""},
		{nil, "t-1"},
		{nil, ""},
		{[]string{"avif", "image"}, "t-avif2"},
		{[]string{"image", "gpu", "gpu", "avif"}, "t-gpu0 t-gpu3"},
		{[]string{"image", "gpu", "avif"}, ""},
	} {
		list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", Accepts: c.accepts, Max: 5})
		s.ok(err)
		if got := strings.Join(claimedIDs(list), " "); got != c.want {
			s.Errorf("who accepts %q got %q, want %q", c.accepts, got, c.want)
		}
	}
}

func runAt(s *suite) {
	s.create("later", func(t *taskdb.Task) { t.RunAt = s.clock.Now().Add(time.Hour) })
	s.create("past", func(t *taskdb.Task) { t.RunAt = s.clock.Now().Add(-time.Hour) })
	if got := claimedIDs(s.claim(5)); !slices.Equal(got, []string{"past"}) {
		s.Fatalf("got %v", got)
	}
	s.clock.Advance(59 * time.Minute)
	if got := s.claim(5); len(got) != 0 {
		s.Fatalf("got %v before its time", claimedIDs(got))
	}
	s.clock.Advance(2 * time.Minute)
	if got := claimedIDs(s.claim(5)); !slices.Equal(got, []string{"later"}) {
		s.Fatalf("got %v", got)
	}
}

func requestAgain(s *suite) {
	s.createMany("t", 6)
	ask := func(worker, request string) []taskdb.Claimed {
		s.Helper()
		list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: worker, Request: request, Max: 2})
		s.ok(err)
		return list
	}
	first := ask("w", "r")
	s.clock.Advance(s.cfg.Lease / 2)
	again := ask("w", "r")
	if !slices.Equal(leases(first), leases(again)) || len(first) != 2 {
		s.Fatalf("leases %q, again %q", leases(first), leases(again))
	}
	if again[0].Duration != s.cfg.Lease || again[0].Deadline > s.cfg.Deadline-s.cfg.Lease/2 {
		s.Errorf("again for %v, deadline %v", again[0].Duration, again[0].Deadline)
	}
	s.clock.Advance(s.cfg.Lease * 3 / 4) // the first lease is over, the second not
	s.reap(0)
	for _, other := range [][]taskdb.Claimed{ask("v", "r"), ask("w", "q")} {
		if slices.ContainsFunc(leases(other), func(l string) bool { return slices.Contains(leases(first), l) }) {
			s.Error("another worker or request got the same leases")
		}
	}
	_, err := s.Cancel(s.Context(), first[0].ID)
	s.ok(err)
	if got := ask("w", "r"); !slices.Equal(leases(got), leases(first)[1:]) {
		s.Errorf("without the canceled one: %q", leases(got))
	}
	s.ok(s.finish(result(first[1])))
	if got := ask("w", "r"); len(got) != 0 {
		s.Errorf("got %v of an empty queue", claimedIDs(got))
	}
}

func requestOver(s *suite) {
	s.createMany("t", 2)
	ask := func() taskdb.Claimed {
		s.Helper()
		list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", Request: "r"})
		s.ok(err)
		if len(list) != 1 || list[0].Duration <= 0 || list[0].Deadline <= 0 {
			s.Fatalf("got %+v", list)
		}
		return list[0]
	}
	first := ask()
	s.clock.Advance(s.cfg.Deadline - time.Second)
	if again := ask(); again.Lease != first.Lease {
		s.Errorf("just before: %q, again %q", first.Lease, again.Lease)
	}
	s.clock.Advance(time.Minute)
	if other := ask(); other.ID == first.ID {
		s.Errorf("got %q again for %v", other.ID, other.Duration)
	}
}

func leases(list []taskdb.Claimed) []string {
	return ids(list, func(c taskdb.Claimed) string { return c.ID + " " + c.Lease })
}

func requestRace(s *suite) {
	s.createMany("t", 20)
	var mu sync.Mutex
	got := map[string]int{}
	together(8, func(int) {
		list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", Request: "r", Max: 3, Wait: time.Minute})
		if err != nil {
			s.Error(err)
		}
		slices.SortFunc(list, func(a, b taskdb.Claimed) int { return strings.Compare(a.ID, b.ID) })
		mu.Lock()
		defer mu.Unlock()
		got[strings.Join(leases(list), " ")]++
	})
	if len(got) != 1 {
		s.Errorf("one request got %d sets of leases", len(got))
	}
}

func exclusive(s *suite) {
	first := s.started("a")
	if list := s.claim(1); len(list) != 0 {
		s.Fatal("claimed twice at a time")
	}
	s.expire(1)
	second := s.claimOne("a")
	if second.Token <= first.Token || second.Lease == first.Lease {
		s.Errorf("tokens %d, %d, leases %q, %q", first.Token, second.Token, first.Lease, second.Lease)
	}
	s.is(s.finish(result(first)), taskdb.ErrLeaseLost)
	s.ok(s.finish(result(second)))
	if got := s.get("a").Outputs[0].Key; got != result(second).Outputs[0].Key {
		s.Errorf("published %q", got)
	}
}

func racingClaimers(s *suite) {
	const tasks, workers = 500, 16
	s.createAtOnce("t", tasks, func(t *taskdb.Task) { t.Owner, t.Priority = "o"+t.ID[len(t.ID)-1:], int(t.ID[len(t.ID)-2])%3 })
	var holders sync.Map
	var n atomic.Int64
	together(workers, func(w int) {
		for {
			list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: fmt.Sprint("w", w), Max: 1 + w%8})
			if err != nil {
				s.Error(err)
			}
			if len(list) == 0 {
				return
			}
			for _, c := range list {
				if other, twice := holders.LoadOrStore(c.ID, w); twice || c.Token != 1 {
					s.Errorf("%s is held by %d and %v, token %d", c.ID, w, other, c.Token)
				}
				n.Add(1)
			}
		}
	})
	if n.Load() != tasks {
		s.Errorf("%d of %d tasks were claimed", n.Load(), tasks)
	}
}
