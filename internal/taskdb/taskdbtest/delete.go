package taskdbtest

import (
	"fmt"
	"sync/atomic"

	"minilab/internal/taskdb"
)

var deleteCases = []testCase{
	{name: "a task is deleted in whatever state", run: deleteAny},
	{name: "of racing deletes exactly one deletes", run: deleteRace},
}

func deleteAny(s *suite) {
	for _, state := range taskdb.States {
		id := "d-" + string(state)
		s.bring(id, state)
		before := s.get(id)
		last := s.lastSeq()
		s.ok(s.Delete(s.Context(), id))
		_, err := s.Get(s.Context(), id)
		s.is(err, taskdb.ErrNotFound)
		s.is(s.Delete(s.Context(), id), taskdb.ErrNotFound)
		list := s.events(last)
		if len(list) != 1 || list[0].ID != id || !list[0].Deleted || list[0].State != state || list[0].Token != before.Token {
			s.Errorf("the feed tells of it: %+v", list)
		}
	}
	if n := len(s.all(taskdb.Filter{})); n != 0 {
		s.Errorf("%d tasks are left", n)
	}
	if list := s.claim(5); len(list) != 0 {
		s.Errorf("claimed %v", claimedIDs(list))
	}
	s.clock.Advance(2 * s.cfg.Lease)
	s.reap(0)
}

func deleteRace(s *suite) {
	for i := range 10 {
		id := fmt.Sprint("t-", i)
		s.create(id)
		var deleted atomic.Int64
		together(8, func(int) {
			if s.Delete(s.Context(), id) == nil {
				deleted.Add(1)
			}
		})
		if deleted.Load() != 1 {
			s.Fatalf("deleted %d times", deleted.Load())
		}
	}
}
