package sqltaskdb

import (
	"context"
	"time"

	"minilab/internal/taskdb"
)

// reapMax is how many expired leases one transaction ends.
const reapMax = 256

const (
	selectExpired = `SELECT id, lease, needs, failures, crashes, lost FROM tasks
		WHERE lease_until > 0 AND lease_until < ? ORDER BY lease_until LIMIT ?`
	anyLease = `SELECT n > 0 FROM counts WHERE state = 'in-progress'`
)

// Reap ends the attempts whose leases have expired and says how many. It runs
// by itself while there are leases, every sixth of a lease.
func (s *Store) Reap(ctx context.Context) (n int, err error) {
	for {
		ended := 0
		err := s.write(ctx, func(c *change) (err error) {
			ended, err = s.reap(c)
			return err
		})
		if err != nil {
			return n, err
		}
		if n += ended; ended < reapMax {
			return n, nil
		}
	}
}

func (s *Store) reap(c *change) (int, error) {
	list, err := expired(c)
	if err != nil {
		return 0, err
	}
	for _, h := range list {
		if err := s.end(c, h, taskdb.JudgeExpired(h.t)); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

func expired(c *change) (list []held, err error) {
	rows, err := c.Query(selectExpired, c.now, reapMax)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		h := held{t: taskdb.Task{State: taskdb.InProgress}}
		if err := rows.Scan(&h.id, &h.lease, &h.t.Needs, &h.t.Failures, &h.t.Crashes, &h.t.Lost); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, rows.Err()
}

// reapLater arms the reaper. A worker whose heartbeats met a closed door gets a
// whole lease after the start to come back.
func (s *Store) reapLater() {
	s.reaper.within(max(s.opt.Lease/6, s.opt.Lease-time.Since(s.started)))
}

// reapDue is the reaper's alarm: it goes on as long as there are leases.
func (s *Store) reapDue(ctx context.Context) {
	n, err := s.Reap(ctx)
	leases := true
	if err == nil {
		err = s.db.Read().QueryRowContext(ctx, anyLease).Scan(&leases)
	}
	if err != nil {
		s.opt.Log.Error("leases could not be looked through", "error", err)
	}
	if n > 0 {
		s.opt.Log.Warn("leases expired", "tasks", n)
	}
	if leases {
		s.reapLater()
	}
}
