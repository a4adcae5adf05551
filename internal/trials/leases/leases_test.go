package leases

import (
	"fmt"
	"testing"
	"time"

	"minilab/internal/taskdb"
)

func plain(s taskdb.Store) taskdb.Store { return s }

// TestHistories tries histories of several seeds; -histories N tries N more.
func TestHistories(t *testing.T) {
	for _, wire := range []bool{false, true} {
		for seed := range uint64(2 + *histories) {
			t.Run(fmt.Sprintf("wire=%v/seed=%d", wire, seed), func(t *testing.T) {
				t.Parallel()
				tr := newTrial(t, seed, usual, wire, plain)
				for check, faults := range tr.check(tr.run(), searchTime) {
					for _, f := range faults {
						t.Errorf("%s: %s", check, f)
					}
				}
			})
		}
	}
}

// check is what is wrong with a history, by the check that found it.
func (tr *trial) check(events []taskdb.Event, search time.Duration) map[string][]string {
	return map[string][]string{
		"order":       linear(tr.h, events, search),
		"feed":        chains(events),
		"answers":     agree(tr.h, events),
		"publication": tr.published(events),
		"keys":        keys(tr.h),
		"actors":      tr.h.odd,
	}
}
