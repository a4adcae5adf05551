package worker

import (
	"context"
	"errors"

	"minilab/internal/engine"
	"minilab/internal/fault"
	"minilab/internal/lab"
)

// conclude tells the master how an attempt that did not succeed has ended.
func (a *attempt) conclude(ctx context.Context, err error) {
	told := a.report(ctx, func(ctx context.Context) error { return a.tell(ctx, err) })
	if told != nil && !lost(told) {
		a.log.WarnContext(ctx, "report failed, the lease will expire", "error", told)
	}
}

func (a *attempt) tell(ctx context.Context, err error) error {
	_, unheard := errors.AsType[unheardError](err)
	switch {
	case unheard:
		a.metrics.ended(outcomeUnheard, err)
		a.log.WarnContext(ctx, "nobody knows whether the report was heard; the task's state says it", "error", err)
		return nil
	case lost(err):
		a.metrics.ended(outcomeLost, err)
		a.log.InfoContext(ctx, "lease lost", "reason", err)
		a.sweep(ctx)
		return nil
	case errors.Is(err, errLeaseSpent):
		a.metrics.ended(outcomeExpired, err)
		a.log.WarnContext(ctx, "lease expires, work is left to others", "reason", err)
		a.trouble.report()
		return nil
	case errors.Is(err, errStopping):
		a.metrics.ended(outcomeReleased, err)
		return a.Lab.Release(ctx, a.work.ID, a.work.Lease)
	case away(err):
		a.metrics.ended(outcomeReleased, err)
		a.log.WarnContext(ctx, "work given back: a part of the lab is away", "error", err)
		a.trouble.report()
		return a.Lab.Release(ctx, a.work.ID, a.work.Lease)
	}
	f := failure(err)
	if f.Retry {
		a.metrics.ended(outcomeRetried, err)
	} else {
		a.metrics.ended(outcomeFailed, err)
	}
	a.log.InfoContext(ctx, "work failed", "code", f.Code, "retry", f.Retry, "error", err)
	return a.Lab.Fail(ctx, a.work.ID, a.work.Lease, f)
}

// away says whether an error is of the lab's own parts, so that neither the
// image nor the attempt is to blame.
func away(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Unavailable || k == fault.NoSpace || k == fault.TooMany
}

// failure is what the master is told of an error. Only what the engine said of
// the image can be final, bytes that are damaged where they are kept, and an image
// to be laid over that is there no more; even
// an engine process that died may have been unlucky once.
func failure(err error) lab.Failure {
	f := fault.From(err)
	detail := f.Detail
	if detail == "" {
		detail = f.Title
	}
	_, ofImage := errors.AsType[engineError](err)
	died := errors.Is(err, engine.ErrCrashed) || errors.Is(err, engine.ErrTimeout) || errors.Is(err, engine.ErrMemory)
	return lab.Failure{
		Error: lab.Error{Code: f.Code, Detail: detail},
		Retry: !errors.Is(err, errSource) && !errors.Is(err, lab.ErrReference) && (!ofImage || died || f.Kind.Transient()),
	}
}
