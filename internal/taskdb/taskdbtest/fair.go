package taskdbtest

import (
	"fmt"
	"slices"
	"strings"

	"minilab/internal/taskdb"
)

var fairCases = []testCase{
	{name: "an owner's tasks go by age", run: age},
	{name: "higher priorities go first", run: priorities},
	{name: "owners take turns, even with one who has a thousand", run: turns},
	{name: "owners take turns within a claim of many", run: turnsOfMany},
	{name: "owners take turns within each priority", run: turnsByPriority},
	{name: "a claim of many is filled up when owners run out", run: filledUp},
	{name: "whoever comes later gets a turn within the round", run: latecomer},
	{name: "canceled and deleted work takes no turn", run: emptyLanes},
	{name: "owners take turns across what is needed", run: turnsAcrossNeeds},
	{name: "released work keeps its age", run: releasedAge},
}

func of(owner string, priority int) func(*taskdb.Task) {
	return func(t *taskdb.Task) { t.Owner, t.Priority = owner, priority }
}

// served says whose turn it was, by n claims of one task each.
func (s *suite) served(n int, accepts ...string) string {
	s.Helper()
	var owners []string
	for range n {
		list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", Accepts: accepts})
		s.ok(err)
		for _, c := range list {
			owners = append(owners, c.Owner)
		}
	}
	return strings.Join(owners, "")
}

func (s *suite) wantServed(n int, want string) {
	s.Helper()
	if got := s.served(n); got != want {
		s.Fatalf("served %q, want %q", got, want)
	}
}

func age(s *suite) {
	order := []string{"c", "a", "d", "b", "f", "e"}
	for _, id := range order {
		s.create(id)
	}
	got := append(claimedIDs(s.claim(1)), claimedIDs(s.claim(4))...)
	got = append(got, claimedIDs(s.claim(4))...)
	if !slices.Equal(got, order) {
		s.Errorf("got %v, want %v", got, order)
	}
}

func priorities(s *suite) {
	for i, p := range []int{0, 5, -9, 9, 5} {
		s.create(fmt.Sprint("t-", i), of(fmt.Sprint("o", i%2), p))
	}
	if got := strings.Join(claimedIDs(s.claim(5)), " "); got != "t-3 t-1 t-4 t-0 t-2" {
		s.Errorf("got %s", got)
	}
}

func turns(s *suite) {
	s.createAtOnce("a", 1000, of("A", 0))
	s.createMany("b", 3, of("B", 0))
	s.createMany("c", 1, of("C", 0))
	s.wantServed(9, "ABCABABAA")
}

func turnsOfMany(s *suite) {
	s.createMany("a", 50, of("A", 0))
	s.createMany("b", 50, of("B", 0))
	s.createMany("c", 50, of("C", 0))
	count := map[string]int{}
	for range 3 {
		for _, c := range s.claim(10) {
			count[c.Owner]++
		}
	}
	if count["A"] != 10 || count["B"] != 10 || count["C"] != 10 {
		s.Errorf("served %v", count)
	}
	if n := len(s.claim(2)); n != 2 {
		s.Fatalf("claimed %d", n)
	}
	if got := s.served(1); got != "C" {
		s.Errorf("after two of three it was the turn of %s", got)
	}
}

func turnsByPriority(s *suite) {
	s.createMany("a", 2, of("A", 1))
	s.createMany("b", 1, of("B", 1))
	s.createMany("x", 2, of("B", 0))
	s.createMany("y", 2, of("C", 0))
	s.wantServed(7, "ABABCBC")
}

func filledUp(s *suite) {
	s.createMany("a", 30, of("A", 0))
	s.createMany("b", 1, of("B", 0))
	s.createMany("c", 2, of("C", -1))
	got := s.claim(33)
	if len(got) != 33 || got[31].Owner != "C" || got[32].Owner != "C" {
		s.Errorf("claimed %d: %v", len(got), claimedIDs(got))
	}
}

func latecomer(s *suite) {
	for _, owner := range []string{"A", "B", "C"} {
		s.createMany(strings.ToLower(owner), 10, of(owner, 0))
	}
	s.wantServed(4, "ABCA")
	s.create("d", of("D", 0))
	if got := s.served(4); !strings.Contains(got, "D") {
		s.Errorf("D came to wait and then was served %q", got)
	}
}

func emptyLanes(s *suite) {
	s.createMany("a", 2, of("A", 0))
	s.createMany("b", 2, of("B", 0))
	s.createMany("c", 2, of("C", 0))
	for _, id := range []string{"a-00000", "a-00001"} {
		_, err := s.Cancel(s.Context(), id)
		s.ok(err)
	}
	s.ok(s.remove("b-00000"))
	s.ok(s.remove("b-00001"))
	s.wantServed(3, "CC")
	_, err := s.Retry(s.Context(), "a-00000")
	s.ok(err)
	s.wantServed(2, "A")
}

func turnsAcrossNeeds(s *suite) {
	need := func(needs string) func(*taskdb.Task) { return func(t *taskdb.Task) { t.Needs = needs } }
	for _, n := range []string{"x", "y"} {
		s.createMany("a"+n, 5, of("A", 0), need(n))
		s.createMany("b"+n, 5, of("B", 0), need(n))
	}
	if got := s.served(6, "x", "y"); got != "ABABAB" {
		s.Errorf("served %q", got)
	}
	if got := s.served(6, "y"); strings.Count(got, "A") != 3 {
		s.Errorf("of one need served %q", got)
	}
}

func releasedAge(s *suite) {
	s.createMany("t", 3)
	c := s.claim(1)[0]
	s.ok(s.release(c.ID, c.Lease))
	if got := s.claim(1)[0].ID; got != c.ID {
		s.Errorf("%s went before the older %s", got, c.ID)
	}
}
