package storagetest

import (
	"fmt"
	"slices"
	"sync"

	"minilab/internal/storage"
)

var listCases = []testCase{
	{"a listing gives every image once, whatever the limit", pages},
	{"a page has at most 1000 images", fullPage},
	{"whatever is there during the whole listing comes exactly once", changingList},
	{"a cursor that was not given out is ErrCursor", badCursor},
}

func pages(s *suite) {
	const n = 13
	want := make([]string, n)
	for i := range n {
		want[i] = fmt.Sprintf("image-%02d", i)
		s.put(storage.Finished, want[i], some(i, uint64(i)))
	}
	for _, limit := range []int{0, -1, 1, 2, n - 1, n, n + 1, storage.MaxPage + 1} {
		infos := s.all(storage.Finished, limit)
		if got := keysOf(infos); !slices.Equal(got, want) {
			s.Errorf("limit %d lists %q", limit, got)
		}
		for _, info := range infos {
			var i int
			fmt.Sscanf(info.Key, "image-%d", &i)
			s.describes(info, storage.Finished, info.Key, some(i, uint64(i)))
		}
	}
}

func fullPage(s *suite) {
	var wg sync.WaitGroup
	for part := range 8 {
		wg.Go(func() {
			for i := part; i <= storage.MaxPage; i += 8 {
				s.put(storage.InProgress, fmt.Sprint(i), nil)
			}
		})
	}
	wg.Wait()
	for limit, want := range map[int]int{
		0: storage.MaxPage, -1: storage.MaxPage, storage.MaxPage + 1: storage.MaxPage, storage.MaxPage: storage.MaxPage, storage.MaxPage - 1: storage.MaxPage - 1,
	} {
		page, err := s.List(s.Context(), storage.InProgress, "", limit)
		if err != nil || len(page.Infos) != want || page.Next == "" {
			s.Errorf("limit %d gives %d images and the cursor %q, %v; want %d", limit, len(page.Infos), page.Next, err, want)
		}
	}
	if n := len(s.all(storage.InProgress, 0)); n != storage.MaxPage+1 {
		s.Errorf("listed %d images, want %d", n, storage.MaxPage+1)
	}
}

// changingList deletes, adds and replaces images while it lists: also the one
// that the cursor stands on, and on both sides of it.
func changingList(s *suite) {
	const n = 60
	for i := range n {
		s.put(storage.Finished, fmt.Sprintf("%02d-%s", i, []string{"stays", "goes", "changes"}[i%3]), some(10, uint64(i)))
	}
	seen := map[string]int{}
	for cursor, round := "", 0; ; round++ {
		page, err := s.List(s.Context(), storage.Finished, cursor, 7)
		if err != nil {
			s.Fatal(err)
		}
		for _, info := range page.Infos {
			seen[info.Key]++
		}
		s.change(page, round)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for key, times := range seen {
		if times > 1 {
			s.Errorf("%q came %d times", key, times)
		}
	}
	for i := range n {
		for _, kind := range []string{"stays", "changes"} {
			if key := fmt.Sprintf("%02d-%s", i, kind); kind == []string{"stays", "goes", "changes"}[i%3] && seen[key] != 1 {
				s.Errorf("%q came %d times", key, seen[key])
			}
		}
	}
}

func (s *suite) change(page storage.Page, round int) {
	s.Helper()
	for i := range 60 {
		if i%3 == 1 && i/6 == round || i%3 == 1 && len(page.Infos) > 0 && page.Infos[len(page.Infos)-1].Key[:2] == fmt.Sprintf("%02d", i) {
			if err := s.Delete(s.Context(), storage.Finished, fmt.Sprintf("%02d-goes", i)); err != nil {
				s.Fatal(err)
			}
		}
		if i%3 == 2 && i%10 == round {
			s.put(storage.Finished, fmt.Sprintf("%02d-changes", i), some(20, uint64(i)))
		}
	}
	s.put(storage.Finished, fmt.Sprintf("%02d-comes", 97*round%60), nil)
}

func badCursor(s *suite) {
	s.put(storage.Finished, "a", nil)
	for _, cursor := range []string{"not a cursor", "../x", "\x00", "é"} {
		_, err := s.List(s.Context(), storage.Finished, cursor, 0)
		s.is(err, storage.ErrCursor)
	}
}
