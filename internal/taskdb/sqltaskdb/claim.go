package sqltaskdb

import (
	"context"
	"errors"
	"slices"
	"time"

	"minilab/internal/taskdb"
)

// Claim implements taskdb.Leases.
func (s *Store) Claim(ctx context.Context, r taskdb.ClaimRequest) ([]taskdb.Claimed, error) {
	if err := taskdb.CheckClaim(r); err != nil {
		return nil, err
	}
	r = withDefaults(r)
	var got claimed
	var err error
	if r.ID != "" || r.Wait == 0 {
		got, err = s.claim(ctx, r)
	} else {
		got, err = s.await(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	return s.handOver(ctx, got)
}

func withDefaults(r taskdb.ClaimRequest) taskdb.ClaimRequest {
	r.Max = max(r.Max, 1)
	r.Accepts = slices.Compact(slices.Sorted(slices.Values(r.Accepts)))
	if len(r.Accepts) == 0 {
		r.Accepts = []string{taskdb.DefaultNeeds}
	}
	return r
}

// claimed is what one look for work has found.
type claimed struct {
	rows []*row
	now  int64
	due  int64 // when there is nothing: when the next task becomes ready, 0 for none
}

// await looks for work whenever there may be some.
func (s *Store) await(ctx context.Context, r taskdb.ClaimRequest) (got claimed, err error) {
	me := s.claims.join(r.Accepts)
	var owed map[string]int
	defer func() { s.claims.leave(me, owed, got.needs()) }()
	timeout := time.NewTimer(r.Wait)
	defer timeout.Stop()
	for {
		if got, err = s.claim(ctx, r); err != nil || len(got.rows) > 0 {
			return got, err
		}
		owed = nil // there was nothing
		if got.due > 0 {
			s.due.within(s.until(got.due))
		}
		select {
		case <-me.woken:
			owed = s.claims.look(me)
		case <-timeout.C:
			return got, nil
		case <-ctx.Done():
			return got, context.Cause(ctx)
		case <-s.closed:
			return got, ErrClosed
		}
	}
}

// needs counts what was claimed by what it needs.
func (g claimed) needs() map[string]int {
	n := map[string]int{}
	for _, r := range g.rows {
		n[r.t.Needs]++
	}
	return n
}

// handOver makes the answer, unless the caller has gone: then nobody would
// work on it.
func (s *Store) handOver(ctx context.Context, got claimed) ([]taskdb.Claimed, error) {
	list := make([]taskdb.Claimed, len(got.rows))
	for i, r := range got.rows {
		t, err := r.task()
		if err != nil {
			return nil, err
		}
		list[i] = taskdb.Claimed{Task: t, Lease: r.lease,
			Duration: time.Duration(r.leaseUntil-got.now) * time.Microsecond,
			Deadline: time.Duration(r.deadline-got.now) * time.Microsecond,
		}
	}
	if ctx.Err() == nil || len(list) == 0 {
		return list, nil
	}
	var back []taskdb.Release
	for _, c := range list {
		back = append(back, taskdb.Release{ID: c.ID, Lease: c.Lease})
	}
	_, err := s.Release(context.WithoutCancel(ctx), back)
	return nil, errors.Join(context.Cause(ctx), err)
}

// claim looks for work once.
func (s *Store) claim(ctx context.Context, r taskdb.ClaimRequest) (got claimed, err error) {
	err = s.write(ctx, func(c *change) (err error) {
		got, err = s.claimIn(c, r)
		c.leased = len(got.rows) > 0
		c.moved = c.moved || c.leased
		return err
	})
	return got, err
}

func (s *Store) claimIn(c *change, r taskdb.ClaimRequest) (got claimed, err error) {
	got.now = c.now
	if r.Request != "" {
		got.rows, err = scanRows(c.Query(takeAgain, c.now+s.opt.Lease.Microseconds(), r.Worker, r.Request, c.now))
		if err != nil || len(got.rows) > 0 {
			return got, err
		}
	}
	if got.due, err = promoteReady(c); err != nil {
		return got, err
	}
	if r.ID != "" {
		got.rows, err = s.takeOne(c, r)
		return got, err
	}
	got.rows, err = s.takeFair(c, r)
	return got, err
}
