package taskdbtest

import (
	"fmt"
	"sync"
	"time"

	"minilab/internal/fault"
	"minilab/internal/taskdb"
)

var idempotencyCases = []testCase{
	{name: "an idempotency key gives the task made with it", run: keyAgain},
	{name: "an idempotency key for another request is refused", run: keyMismatch},
	{name: "idempotency keys are each owner's own", run: keyOwners},
	{name: "an idempotency key is forgotten after its time", run: keyExpires},
	{name: "a deleted task gives its idempotency key back", run: keyDeleted},
	{name: "an idempotency key of a refused task is not taken", run: keyRefused},
	{name: "of racing creators with one key exactly one creates", run: keyRace},
}

func retryAfter(err error) time.Duration { return fault.From(err).RetryAfter }

func keyed(id, owner, key, hash string) taskdb.Task {
	t := wanted(id)
	t.Owner, t.IdempotencyKey, t.IdempotencyHash = owner, key, hash
	return t
}

// createKeyed says which task it got and whether it was made.
func (s *suite) createKeyed(id, owner, key, hash string) (string, bool) {
	s.Helper()
	t, created, err := s.Create(s.Context(), keyed(id, owner, key, hash))
	s.ok(err)
	return t.ID, created
}

func (s *suite) wantKeyed(id, owner, key, hash, want string, wantCreated bool) {
	s.Helper()
	if got, created := s.createKeyed(id, owner, key, hash); got != want || created != wantCreated {
		s.Fatalf("creating %q with key %q gave %q, created %v; want %q, %v", id, key, got, created, want, wantCreated)
	}
}

func keyAgain(s *suite) {
	s.wantKeyed("a", "ann", "k", "h", "a", true)
	s.wantKeyed("b", "ann", "k", "h", "a", false)
	s.wantKeyed("a", "ann", "k", "h", "a", false)
	s.wantKeyed("c", "ann", "k2", "h", "c", true)
	s.ok(s.finish(result(s.claimOne("a"))))
	s.wantKeyed("d", "ann", "k", "h", "a", false)
	_, err := s.Get(s.Context(), "b")
	s.is(err, taskdb.ErrNotFound)
}

func keyMismatch(s *suite) {
	s.wantKeyed("a", "ann", "k", "h", "a", true)
	_, _, err := s.Create(s.Context(), keyed("b", "ann", "k", "other"))
	s.is(err, taskdb.ErrIdempotency)
	_, err = s.Get(s.Context(), "b")
	s.is(err, taskdb.ErrNotFound)
}

func keyOwners(s *suite) {
	s.wantKeyed("a", "ann", "k", "h", "a", true)
	s.wantKeyed("b", "bob", "k", "other", "b", true)
	s.wantKeyed("c", "", "k", "third", "c", true)
	s.wantKeyed("d", taskdb.DefaultOwner, "k", "third", "c", false)
}

func keyExpires(s *suite) {
	s.wantKeyed("a", "ann", "k", "h", "a", true)
	s.clock.Advance(taskdb.IdempotencyKeep - time.Minute)
	s.wantKeyed("b", "ann", "k", "h", "a", false)
	s.ok(s.Trim(s.Context()))
	s.wantKeyed("b", "ann", "k", "h", "a", false)
	s.clock.Advance(2 * time.Minute)
	s.wantKeyed("c", "ann", "k", "new", "c", true)
	s.wantKeyed("d", "ann", "k", "new", "c", false)
	s.clock.Advance(taskdb.IdempotencyKeep + time.Minute)
	s.ok(s.Trim(s.Context()))
	s.wantKeyed("e", "ann", "k", "h", "e", true)
}

func keyDeleted(s *suite) {
	s.wantKeyed("a", "ann", "k", "h", "a", true)
	s.ok(s.remove("a"))
	s.wantKeyed("b", "ann", "k", "other", "b", true)
}

func keyRefused(s *suite) {
	s.create("a")
	_, _, err := s.Create(s.Context(), keyed("a", "ann", "k", "h"))
	s.is(err, taskdb.ErrExists)
	s.wantKeyed("b", "ann", "k", "other", "b", true)
}

func keyRace(s *suite) {
	for round := range 10 {
		var mu sync.Mutex
		makers, got := 0, map[string]int{}
		together(16, func(i int) {
			t, created, err := s.Create(s.Context(), keyed(fmt.Sprintf("r-%d-%d", round, i), "ann", fmt.Sprint("k", round), "h"))
			mu.Lock()
			defer mu.Unlock()
			if got[t.ID]++; created {
				makers++
			}
			if err != nil {
				s.Error(err)
			}
		})
		if makers != 1 || len(got) != 1 {
			s.Fatalf("%d created, tasks %v", makers, got)
		}
	}
}
