package taskdbtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"minilab/internal/taskdb"
)

var listCases = []testCase{
	{name: "a listing is in the order of ids, both ways", run: order},
	{name: "pages are of the limit, and whole", run: pages},
	{name: "pages are cut where their tasks are large", run: largePages},
	{name: "what matches during the whole listing comes exactly once", run: underChanges},
	{name: "filters, alone and together", run: filters},
	{name: "tasks past their retention", run: expiredTasks},
	{name: "a cursor that was not given out is refused", run: badCursors},
	{name: "a state that is none is refused", run: badState},
}

// all lists everything, three at a time.
func (s *suite) all(f taskdb.Filter) (list []taskdb.Task) {
	s.Helper()
	if f.Limit == 0 {
		f.Limit = 3
	}
	for {
		page, err := s.List(s.Context(), f)
		s.ok(err)
		if list = append(list, page.Tasks...); page.Next == "" {
			return list
		}
		if len(page.Tasks) != f.Limit {
			s.Fatalf("a page of %d before the last, want %d", len(page.Tasks), f.Limit)
		}
		f.Cursor = page.Next
	}
}

func order(s *suite) {
	if page, err := s.List(s.Context(), taskdb.Filter{}); err != nil || len(page.Tasks) != 0 || page.Tasks == nil || page.Next != "" {
		s.Fatalf("an empty database lists %v, %v", page, err)
	}
	names := []string{"b", "-", "a-", "a", "0", "z", "a0", "10", "9", "aa"}
	for _, id := range names {
		s.create(id)
	}
	want := slices.Sorted(slices.Values(names))
	if got := taskIDs(s.all(taskdb.Filter{})); !slices.Equal(got, want) {
		s.Errorf("ascending %q, want %q", got, want)
	}
	slices.Reverse(want)
	if got := taskIDs(s.all(taskdb.Filter{Descending: true})); !slices.Equal(got, want) {
		s.Errorf("descending %q, want %q", got, want)
	}
	for _, t := range s.all(taskdb.Filter{}) {
		s.same(t, s.get(t.ID))
	}
}

func pages(s *suite) {
	s.createAtOnce("t", taskdb.MaxPage+1)
	for limit, want := range map[int]int{1: 1, 999: 999, taskdb.MaxPage: taskdb.MaxPage, 0: taskdb.MaxPage, taskdb.MaxPage + 1: taskdb.MaxPage, -1: taskdb.MaxPage} {
		page, err := s.List(s.Context(), taskdb.Filter{Limit: limit})
		s.ok(err)
		if len(page.Tasks) != want || page.Next == "" {
			s.Errorf("limit %d gives %d, next %q", limit, len(page.Tasks), page.Next)
		}
	}
	s.ok(s.remove("t-00000"))
	page, err := s.List(s.Context(), taskdb.Filter{})
	s.ok(err)
	if len(page.Tasks) != taskdb.MaxPage || page.Next != "" {
		s.Errorf("a page that holds all has %d, next %q", len(page.Tasks), page.Next)
	}
}

// largePages has two and a half pages of tasks with facts as large as they may be.
func largePages(s *suite) {
	const n = taskdb.MaxPageBytes / taskdb.MaxFacts * 5 / 2
	facts := json.RawMessage(`{"a":"` + strings.Repeat("x", taskdb.MaxFacts-8) + `"}`)
	var reports []taskdb.Finish
	for i := range n {
		f := result(s.started(fmt.Sprintf("t-%05d", i)))
		f.Facts = facts
		reports = append(reports, f)
	}
	for part := range slices.Chunk(reports, 100) {
		errs, err := s.Finish(s.Context(), part)
		s.ok(errors.Join(append(errs, err)...))
	}
	var got []string
	var sizes []int
	for f := (taskdb.Filter{}); len(sizes) == 0 || f.Cursor != ""; {
		page, err := s.List(s.Context(), f)
		s.ok(err)
		got, sizes = append(got, taskIDs(page.Tasks)...), append(sizes, len(page.Tasks)*taskdb.MaxFacts)
		f.Cursor = page.Next
	}
	if len(got) != n || len(slices.Compact(slices.Sorted(slices.Values(got)))) != n {
		s.Errorf("%d tasks were listed, want %d once each", len(got), n)
	}
	if largest := slices.Max(sizes); len(sizes) != 3 || largest > taskdb.MaxPageBytes+taskdb.MaxFacts {
		s.Errorf("the pages have %d bytes", sizes)
	}
}

func underChanges(s *suite) {
	for _, descending := range []bool{false, true} {
		prefix := fmt.Sprintf("t%v", descending)
		s.createMany(prefix, 20, func(t *taskdb.Task) { t.Owner = prefix })
		f := taskdb.Filter{Owner: prefix, Limit: 4, Descending: descending}
		var got []string
		for i := 0; ; i++ {
			page, err := s.List(s.Context(), f)
			s.ok(err)
			got = append(got, taskIDs(page.Tasks)...)
			if page.Next == "" {
				break
			}
			f.Cursor = page.Next
			// The very task that the cursor stands on goes, others come on both sides.
			s.ok(s.remove(got[len(got)-1]))
			s.create(fmt.Sprintf("%s-%05d-", prefix, i), func(t *taskdb.Task) { t.Owner = prefix })
			s.create(fmt.Sprintf("%s-%05d-", prefix, 19-i), func(t *taskdb.Task) { t.Owner = prefix })
		}
		for i := range 20 {
			id := fmt.Sprintf("%s-%05d", prefix, i)
			if n := count(got, id); n != 1 {
				s.Errorf("%s came %d times", id, n)
			}
		}
		if len(got) != len(slices.Compact(slices.Sorted(slices.Values(got)))) {
			s.Errorf("something came twice: %q", got)
		}
	}
}

func count[T comparable](list []T, want T) (n int) {
	for _, e := range list {
		if e == want {
			n++
		}
	}
	return n
}

func filters(s *suite) {
	var made []taskdb.Task
	for i := range 40 {
		t := s.create(fmt.Sprintf("t-%02d", (i*7)%40), func(t *taskdb.Task) {
			t.Owner = []string{"ann", "bob", "a%"}[i%3]
			t.Tags = [][]string{nil, {"x"}, {"x", "y"}, {"%"}}[i%4]
		})
		if i%5 < 2 {
			s.claimOne(t.ID)
		}
		if i%5 == 3 {
			_, err := s.Cancel(s.Context(), t.ID)
			s.ok(err)
		}
		made = append(made, s.get(t.ID))
	}
	for _, owner := range []string{"", "ann", "bob", "a%", "nobody", "%"} {
		for _, tag := range []string{"", "x", "y", "%", "none"} {
			for _, state := range append([]taskdb.State{""}, taskdb.States...) {
				f := taskdb.Filter{Owner: owner, Tag: tag, State: state, Descending: len(owner)%2 == 1}
				if got, want := taskIDs(s.all(f)), matching(made, f); !slices.Equal(got, want) {
					s.Fatalf("%+v lists %v, want %v", f, got, want)
				}
			}
		}
	}
}

// matching is a filter by the letter.
func matching(made []taskdb.Task, f taskdb.Filter) []string {
	list := []string{}
	for _, t := range made {
		if (f.Owner == "" || t.Owner == f.Owner) && (f.Tag == "" || slices.Contains(t.Tags, f.Tag)) && (f.State == "" || t.State == f.State) {
			list = append(list, t.ID)
		}
	}
	slices.Sort(list)
	if f.Descending {
		slices.Reverse(list)
	}
	return list
}

func expiredTasks(s *suite) {
	for i := range 8 {
		id := fmt.Sprint("t-", i)
		s.create(id, func(t *taskdb.Task) { t.Keep = time.Duration(i%4) * time.Hour }) // every fourth for ever
		if i < 7 {
			_, err := s.Cancel(s.Context(), id)
			s.ok(err)
		}
	}
	now := s.clock.Now()
	for by, want := range map[time.Duration]string{
		0: "", time.Hour - time.Minute: "", time.Hour + time.Minute: "t-1 t-5", 10 * time.Hour: "t-1 t-2 t-3 t-5 t-6",
	} {
		f := taskdb.Filter{ExpiredBy: now.Add(by), Limit: 2}
		if got := strings.Join(taskIDs(s.all(f)), " "); got != want {
			s.Errorf("by %v: %q, want %q", by, got, want)
		}
		f.State, f.Descending = taskdb.Finished, true
		if got := s.all(f); len(got) != 0 {
			s.Errorf("finished by %v: %v", by, taskIDs(got))
		}
	}
}

func badCursors(s *suite) {
	s.createMany("t", 5)
	page, err := s.List(s.Context(), taskdb.Filter{Limit: 2})
	s.ok(err)
	for _, cursor := range []string{"x", "t-00001", "%", "!", page.Next + "x!", strings.Repeat("A", 1000), "\n"} {
		_, err := s.List(s.Context(), taskdb.Filter{Limit: 2, Cursor: cursor})
		s.is(err, taskdb.ErrCursor)
	}
	_, err = s.List(s.Context(), taskdb.Filter{Limit: 2, Cursor: page.Next, Descending: true})
	s.is(err, taskdb.ErrCursor)
}

func badState(s *suite) {
	_, err := s.List(s.Context(), taskdb.Filter{State: "in progress"})
	s.is(err, taskdb.ErrTask)
}
