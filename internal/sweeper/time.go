package sweeper

import (
	"context"
	"time"
)

// restShare is how often the time of a call is rested after it: a sweep is at
// work a quarter of the time, and the less the slower the answers come.
const restShare = 3

// maxSubmit is how long a master may take for a task after its bytes, where the
// grace is long enough. It is more than all its tries take.
const maxSubmit = time.Minute

// SubmitTime is how long a master may take, with this grace, to make a task
// after it has read its bytes.
func SubmitTime(grace time.Duration) time.Duration { return min(grace/2, maxSubmit) }

// rest rests after the call that began then.
func rest(ctx context.Context, began time.Time) error {
	if !sleep(ctx, restShare*time.Since(began)) {
		return context.Cause(ctx)
	}
	return nil
}

// sleep waits, or says false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// elapsed is the time since then by whichever clock says more: the monotonic
// one stands still while a machine is suspended, the other may be put back.
func elapsed(since time.Time) time.Duration {
	return max(time.Since(since), time.Now().Round(0).Sub(since.Round(0)))
}
