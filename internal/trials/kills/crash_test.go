package kills

import (
	"context"
	"errors"
	"testing"

	"minilab/internal/taskdb"
	"minilab/internal/trials"
)

// maxTries is how often an engine process at work is looked for to hit one image
// twice.
const maxTries = 40

// TestTwoCrashes kills the engine process twice that is at one image: that is
// given up, with a reason, and others pass. Without the kills it would not have
// been reason enough.
func TestTwoCrashes(t *testing.T) {
	t.Parallel()
	tr := &trial{topology: trials.OneProcess, seed: max(*seed, 1)}
	var hit *order
	err := tr.run(t.Context(), t.TempDir(), func(ctx context.Context) (err error) {
		visited := make(chan *order)
		go func() { visited <- tr.crowd.visit(ctx, large(tr.seed)) }()
		for n := 0; tr.crashes() < taskdb.MaxCrashes && err == nil; n++ {
			if n == maxTries {
				return errors.New("the image cannot be hit")
			}
			err = tr.deal(ctx, step{victim: engineProcess, signal: killSignal, atWork: true})
		}
		hit = <-visited
		return errors.Join(err, tr.welcome(ctx))
	})
	if err != nil || len(tr.bad) > 0 {
		t.Fatalf("%v; %q", err, tr.bad)
	}
	if hit.status.Status != "failed" || hit.status.Error.Code != codeCrashed {
		t.Errorf("after two crashes the customer is told %+v", hit.status)
	}
	tr.evidence.strikes = nil
	if bad := tr.evidence.violations(); len(bad) != taskdb.MaxCrashes {
		t.Errorf("crashes for which nobody has killed the engine are %q", bad)
	}
}

// crashes is how many the feed has told of.
func (tr *trial) crashes() (n int) {
	tr.watcher.mu.Lock()
	defer tr.watcher.mu.Unlock()
	for _, ev := range tr.watcher.seen {
		if ev.Error != nil && ev.Error.Code == codeCrashed {
			n++
		}
	}
	return n
}
