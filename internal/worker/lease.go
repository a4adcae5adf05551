package worker

import (
	"context"
	"errors"
	"time"

	"minilab/internal/lab"
)

// errLeaseSpent is the cause of attempts whose lease could not be kept alive.
var errLeaseSpent = errors.New("the lease could not be renewed in time")

// Shares of the lease's duration.
const (
	beatShare = 1.0 / 3 // between two heartbeats
	lifeShare = 0.8     // after the last good one the attempt is stopped
)

// hold keeps the lease alive until ctx ends; it calls lose with the reason
// when the lease is lost, or as good as lost. A heartbeat is due after a third of
// the lease, and when there is something to be told.
func (w *Worker) hold(ctx context.Context, work lab.Work, p *progress, claimed time.Time, lose func(reason error)) {
	lease := time.Duration(work.LeaseSeconds * float64(time.Second))
	beat := time.NewTicker(max(share(lease, beatShare), time.Millisecond))
	defer beat.Stop()
	news := time.NewTicker(newsEvery)
	defer news.Stop()
	var told lab.Beat
	life := time.NewTimer(time.Until(claimed.Add(share(lease, lifeShare))))
	defer life.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-life.C:
			lose(errLeaseSpent)
			return
		case <-beat.C:
		case <-news.C:
			if p.now() == told {
				continue
			}
		}
		sent, at := time.Now(), p.now()
		err := w.beat(ctx, work, at, sent.Add(share(lease, beatShare)))
		switch {
		case err == nil:
			told = at
			life.Reset(time.Until(sent.Add(share(lease, lifeShare))))
		case lost(err):
			lose(err)
			return
		}
	}
}

// beat sends one heartbeat and gives it up when the next one is due.
func (w *Worker) beat(ctx context.Context, work lab.Work, at lab.Beat, until time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return w.Lab.Heartbeat(ctx, work.ID, work.Lease, at)
}

func share(d time.Duration, s float64) time.Duration { return time.Duration(float64(d) * s) }

// lost says whether the answer to a report means that the task is no longer ours.
func lost(err error) bool {
	return errors.Is(err, lab.ErrLeaseLost) || errors.Is(err, lab.ErrCanceled)
}
