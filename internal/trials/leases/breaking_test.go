package leases

import (
	"context"
	"errors"
	"slices"

	"minilab/internal/taskdb"
)

// The ways in which a task database may be broken.

// lateFinish accepts a finish by any lease that there ever was.
func lateFinish(ctx context.Context, b *broken, f taskdb.Finish) ([]error, error) {
	errs, err := b.Store.Finish(ctx, []taskdb.Finish{f})
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, was := b.held[f.Lease]; was && err == nil && errors.Is(errs[0], taskdb.ErrLeaseLost) {
		errs[0] = nil
	}
	return errs, err
}

// publishTwice accepts another finish of what is finished.
func publishTwice(ctx context.Context, b *broken, f taskdb.Finish) ([]error, error) {
	errs, err := b.Store.Finish(ctx, []taskdb.Finish{f})
	if err == nil && errors.Is(errs[0], taskdb.ErrLeaseLost) {
		if t, err := b.Get(ctx, f.ID); err == nil && t.State == taskdb.Finished {
			errs[0] = nil
		}
	}
	return errs, err
}

// onlyOnce does not know a finish that it has accepted.
func onlyOnce(ctx context.Context, b *broken, f taskdb.Finish) ([]error, error) {
	b.mu.Lock()
	was := b.done[f.Lease]
	b.mu.Unlock()
	if was {
		return []error{taskdb.ErrLeaseLost}, nil
	}
	errs, err := b.Store.Finish(ctx, []taskdb.Finish{f})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[f.Lease] = err == nil && errs[0] == nil
	return errs, err
}

// otherDigest publishes what is not in the storage.
func otherDigest(ctx context.Context, b *broken, f taskdb.Finish) ([]error, error) {
	f.Outputs = slices.Clone(f.Outputs)
	for i := range f.Outputs {
		f.Outputs[i].SHA256 = "0" + f.Outputs[i].SHA256[1:]
	}
	return b.Store.Finish(ctx, []taskdb.Finish{f})
}

// sameToken gives the token of the attempt before.
func sameToken(ctx context.Context, b *broken, r taskdb.ClaimRequest) ([]taskdb.Claimed, error) {
	list, err := b.Store.Claim(ctx, r)
	for i := range list {
		list[i].Token = max(1, list[i].Token-1)
	}
	return list, err
}

// leaseTwice gives now and then what somebody else has been given last.
func leaseTwice(ctx context.Context, b *broken, r taskdb.ClaimRequest) ([]taskdb.Claimed, error) {
	b.mu.Lock()
	last := b.last
	b.mu.Unlock()
	if r.ID == "" && last.ID != "" && b.every(4) {
		return []taskdb.Claimed{last}, nil
	}
	return b.remember(b.Store.Claim(ctx, r))
}

// loseCreate answers before anything is durable, and forgets.
func loseCreate(ctx context.Context, b *broken, t taskdb.Task) (taskdb.Task, bool, error) {
	if b.every(6) {
		return t, true, nil
	}
	return b.Store.Create(ctx, t)
}

// forgetKey does not look who used the key of idempotency before.
func forgetKey(ctx context.Context, b *broken, t taskdb.Task) (taskdb.Task, bool, error) {
	t.IdempotencyKey = ""
	return b.Store.Create(ctx, t)
}

// forgetBeat answers heartbeats that it does nothing about.
func forgetBeat(ctx context.Context, b *broken, h taskdb.Heartbeat) ([]error, error) {
	t, err := b.Get(ctx, h.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if c, was := b.held[h.Lease]; was && err == nil && t.State == taskdb.InProgress && t.Token == c.Token {
		return []error{nil}, nil
	}
	return []error{taskdb.ErrLeaseLost}, nil
}

// flatter finds every heartbeat good.
func flatter(context.Context, *broken, taskdb.Heartbeat) ([]error, error) {
	return []error{nil}, nil
}

// countRelease takes a release for a failure.
func countRelease(ctx context.Context, b *broken, r taskdb.Release) ([]error, error) {
	return b.Fail(ctx, []taskdb.Failure{{ID: r.ID, Lease: r.Lease, Error: taskdb.Error{Code: "released"}, Retry: true}})
}

// forgetCancel answers that it is done.
func forgetCancel(ctx context.Context, b *broken, id string) (taskdb.Task, error) {
	t, err := b.Get(ctx, id)
	if err == nil && !t.State.Ended() && b.every(2) {
		t.State = taskdb.Canceled
		return t, nil
	}
	return b.Store.Cancel(ctx, id)
}

// dropEvent leaves an event out.
func dropEvent(list []taskdb.Event) []taskdb.Event {
	return slices.DeleteFunc(list, func(e taskdb.Event) bool { return e.Seq%40 == 0 })
}

// swapEvents tells the first two of a page the other way round.
func swapEvents(list []taskdb.Event) []taskdb.Event {
	if len(list) > 2 {
		list[0], list[1] = list[1], list[0]
	}
	return list
}
