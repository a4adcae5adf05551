package leases

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"minilab/internal/lab"
	"minilab/internal/taskdb"
)

func plain(s taskdb.Store) taskdb.Store { return s }

// TestHistories tries histories of several seeds; -histories N tries N more.
func TestHistories(t *testing.T) {
	seen := &sights{count: map[string]int{}}
	seeds := uint64(2 + *histories)
	t.Run("all", func(t *testing.T) {
		for _, wire := range []bool{false, true} {
			for seed := range seeds {
				t.Run(fmt.Sprintf("wire=%v/seed=%d", wire, seed), func(t *testing.T) {
					t.Parallel()
					try(t, seed, wire, seen)
				})
			}
		}
	})
	for end := seeds + tries; len(seen.missing()) > 0 && seeds < end; seeds++ { // who meets whom is up to the scheduler
		try(t, seeds, false, seen)
	}
	for _, what := range seen.missing() {
		t.Errorf("in no history there was %q", what)
	}
}

// try makes a history and has it checked.
func try(t *testing.T, seed uint64, wire bool, seen *sights) {
	tr := newTrial(t, seed, usual, wire, plain)
	events := tr.run()
	seen.look(tr.h, events)
	for check, faults := range tr.check(events, searchTime) {
		for _, f := range faults {
			t.Errorf("seed %d, %s: %s", seed, check, f)
		}
	}
}

// TestWorkersAreToldDurations: a worker's clock may be wrong, so nothing that it
// is told is a time of day.
func TestWorkersAreToldDurations(t *testing.T) {
	work := reflect.TypeFor[lab.Work]()
	for i := range work.NumField() {
		if f := work.Field(i); f.Type == reflect.TypeFor[time.Time]() || f.Type == reflect.TypeFor[*time.Time]() {
			t.Errorf("%s is a time", f.Name)
		}
	}
}

// check is what is wrong with a history, by the check that found it.
func (tr *trial) check(events []taskdb.Event, search time.Duration) map[string][]string {
	moved := moves(events)
	return map[string][]string{
		"order":       linear(tr.h, moved, search),
		"feed":        chains(events),
		"answers":     agree(tr.h, events),
		"publication": tr.published(moved),
		"keys":        keys(tr.h),
		"actors":      tr.h.odd,
	}
}
