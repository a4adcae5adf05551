package taskdbtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"minilab/internal/taskdb"
)

var placesCases = []testCase{
	{name: "places: an owner's tasks by age", run: placesByAge},
	{name: "places: higher priorities go first", run: placesByPriority},
	{name: "places: owners take turns", run: placesByTurns},
	{name: "places: claims go in their order", run: placesAsClaimed},
	{name: "places: what does not wait has none", run: noPlace},
	{name: "places: others need something else", run: placesByNeeds},
	{name: "places: the wait follows from the pace", run: placesWait},
	{name: "places: many lanes are estimated", run: manyLanes},
	{name: "places: so many and no more", run: tooManyPlaces},
}

func (s *suite) places(ids ...string) []taskdb.Place {
	s.Helper()
	list, err := s.Places(s.Context(), ids)
	s.ok(err)
	if list == nil || len(list) != len(ids) {
		s.Fatalf("%d places for %d", len(list), len(ids))
	}
	return list
}

func (s *suite) wantAhead(want map[string]int) {
	s.Helper()
	for id, n := range want {
		if got := s.places(id)[0].Ahead; got != n {
			s.Errorf("%d go before %s, want %d", got, id, n)
		}
	}
	names := make([]string, 0, len(want))
	for id := range want {
		names = append(names, id, id)
	}
	for i, p := range s.places(names...) { // together as alone, and twice
		if p.Ahead != want[names[i]] {
			s.Errorf("%d go before %s among others, want %d", p.Ahead, names[i], want[names[i]])
		}
	}
}

func placesByAge(s *suite) {
	for _, id := range []string{"c", "a", "b"} {
		s.create(id)
	}
	s.wantAhead(map[string]int{"c": 0, "a": 1, "b": 2})
	s.claimOne("c")
	s.wantAhead(map[string]int{"c": 0, "a": 0, "b": 1})
	s.ok(s.remove("a"))
	s.wantAhead(map[string]int{"b": 0})
}

func placesByPriority(s *suite) {
	s.create("low", of("ann", -9))
	s.create("usual", of("ann", 0))
	s.create("high-1", of("bob", 9))
	s.create("high-2", of("bob", 9))
	s.wantAhead(map[string]int{"high-1": 0, "high-2": 1, "usual": 2, "low": 3})
}

// placesByTurns: ann has the first turn, bob the second.
func placesByTurns(s *suite) {
	s.createMany("ann", 4, of("ann", 0))
	s.createMany("bob", 2, of("bob", 0))
	s.create("eve", of("eve", 0))
	s.wantAhead(map[string]int{
		"ann-00000": 0, "bob-00000": 1, "eve": 2, "ann-00001": 3, "bob-00001": 4, "ann-00002": 5, "ann-00003": 6,
	})
	s.claim(1) // now bob, eve, ann
	s.wantAhead(map[string]int{"bob-00000": 0, "eve": 1, "ann-00001": 2, "bob-00001": 3, "ann-00002": 4, "ann-00003": 5})
}

// placesAsClaimed compares with what is claimed, one by one.
func placesAsClaimed(s *suite) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var names []string
	for i := range 60 {
		id := fmt.Sprintf("t-%d", i)
		s.create(id, of(fmt.Sprint("o", r.IntN(1+r.IntN(8))), r.IntN(3)-1))
		names = append(names, id)
	}
	for range r.IntN(10) {
		s.claim(1)
	}
	waiting := slices.DeleteFunc(names, func(id string) bool { return s.get(id).State != taskdb.NotStarted })
	for _, id := range waiting[:len(waiting)-1] {
		if p := s.places(id)[0]; p.Wait != 0 {
			s.Errorf("a wait of %v without a pace", p.Wait)
		}
	}
	want := map[string]int{}
	for i, p := range s.places(waiting...) {
		want[waiting[i]] = p.Ahead
	}
	for i := range waiting {
		if id := s.claim(1)[0].ID; want[id] != i {
			s.Errorf("seed %d: %s was claimed after %d, its place was %d", seed, id, i, want[id])
		}
	}
}

func noPlace(s *suite) {
	for _, state := range taskdb.States[1:] {
		s.bring("ended-"+string(state), state)
	}
	s.create("later", func(t *taskdb.Task) { t.RunAt = s.clock.Now().Add(time.Hour) })
	s.create("first")
	s.create("second")
	names := []string{"nobody", "", "NO ID", "\xff", "later", "second"}
	for _, state := range taskdb.States[1:] {
		names = append(names, "ended-"+string(state))
	}
	for i, p := range s.places(names...) {
		if names[i] == "second" && p.Ahead != 1 || names[i] != "second" && p != (taskdb.Place{}) {
			s.Errorf("the place of %q is %+v", names[i], p)
		}
	}
	if got := s.places(); len(got) != 0 {
		s.Errorf("of none there are %v", got)
	}
}

func placesByNeeds(s *suite) {
	gpu := func(t *taskdb.Task) { t.Needs = "gpu" }
	s.createMany("image", 3)
	s.createMany("gpu", 2, gpu)
	s.wantAhead(map[string]int{"image-00002": 2, "gpu-00000": 0, "gpu-00001": 1})
}

func placesWait(s *suite) {
	s.createMany("t", 40)
	for _, c := range s.claim(6) {
		s.ok(s.finish(result(c)))
	}
	p := s.places("t-00006", "t-00007", "t-00036")
	for i, want := range []time.Duration{0, 10 * time.Second, 5 * time.Minute} { // six a minute
		if p[i].Wait != want {
			s.Errorf("behind %d it waits %v, want %v", p[i].Ahead, p[i].Wait, want)
		}
	}
	s.clock.Advance(2 * time.Minute)
	if got := s.places("t-00036")[0]; got.Wait != 0 || got.Ahead != 30 {
		s.Errorf("without a pace it is %+v", got)
	}
}

// manyLanes: of so many the next ones stand for all, which here are alike.
func manyLanes(s *suite) {
	const owners = taskdb.MaxLanes * 2
	for i := range 2 {
		for o := range owners {
			s.create(fmt.Sprintf("t-%d-%d", i, o), of(fmt.Sprint("o", o), 0))
		}
	}
	s.create("low", of("o0", -1))
	for id, want := range map[string]int{"t-0-0": 0, "t-0-5": 5, "t-1-0": owners, "t-1-5": owners + 5, "low": 2 * owners, "t-1-199": 2*owners - 1} {
		got := s.places(id)[0].Ahead
		if off := got - want; off < -owners/10 || off > owners/10 {
			s.Errorf("%d go before %s, want about %d", got, id, want)
		}
	}
}

func tooManyPlaces(s *suite) {
	s.create("a")
	names := slices.Repeat([]string{"a", "nobody"}, taskdb.MaxPage/2)
	if got := s.places(names...); len(got) != taskdb.MaxPage {
		s.Errorf("%d places", len(got))
	}
	_, err := s.Places(s.Context(), append(names, "a"))
	s.is(err, taskdb.ErrTask)
}
