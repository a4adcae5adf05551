package sqltaskdb

import (
	"context"
	"database/sql"
	"errors"

	"minilab/internal/fault"
	"minilab/internal/taskdb"
)

const selectHeld = `SELECT state, lease, needs, outputs, facts, failures, crashes, lost FROM tasks WHERE id = ?`

const (
	beat = `UPDATE tasks SET lease_until = CASE WHEN deadline < ?1 THEN deadline ELSE ?1 END, progress = ?2, updated_at = ?3
		WHERE id = ?4 AND lease = ?5 AND state = 'in-progress'`

	// tell follows beat: what the feed shall tell is in told and stage, and a
	// trigger there. Differences of what is no binary fraction fall short.
	tell = `UPDATE tasks SET told = progress, tells = tells + 1, stage = CASE WHEN ?1 = '' THEN stage ELSE ?1 END
		WHERE id = ?2 AND tells < ?3 AND (abs(progress - told) > 0.009999 OR ?1 <> '' AND ?1 <> stage)`

	finishTask = `UPDATE tasks SET state = 'finished', outputs = ?1, facts = ?2, error_code = '', error_detail = '', progress = 1, stage = '',
			lease_until = 0, deadline = 0, request = '', updated_at = ?3, finished_at = ?3,
			expires_at = CASE WHEN keep > 0 THEN ?3 + keep ELSE 0 END
		WHERE id = ?4 AND lease = ?5 AND state = 'in-progress'`

	releaseTask = `UPDATE tasks SET state = 'not-started', ready = 1, lease = '', lease_until = 0, deadline = 0, request = '',
			progress = 0, stage = '', run_at = ?1, updated_at = ?1
		WHERE id = ?2 AND lease = ?3 AND state = 'in-progress'`

	endAttempt = `UPDATE tasks SET state = ?1, ready = ?2, lease = '', lease_until = 0, deadline = 0, request = '', progress = 0, stage = '',
			run_at = ?3, failures = ?4, crashes = ?5, lost = ?6, error_code = ?7, error_detail = ?8, updated_at = ?9,
			finished_at = ?10, expires_at = CASE WHEN ?10 > 0 AND keep > 0 THEN ?10 + keep ELSE 0 END
		WHERE id = ?11 AND lease = ?12 AND state = 'in-progress'`
)

// held is a task as far as its lease's holder may change it.
type held struct {
	id, lease, outputs, facts string
	t                         taskdb.Task // state, needs and counters
}

func readHeld(tx Tx, id string) (held, error) {
	h := held{id: id}
	err := tx.QueryRow(selectHeld, id).Scan(&h.t.State, &h.lease, &h.t.Needs, &h.outputs, &h.facts,
		&h.t.Failures, &h.t.Crashes, &h.t.Lost)
	if errors.Is(err, sql.ErrNoRows) {
		return h, taskdb.ErrLeaseLost // of a task that is gone
	}
	return h, err
}

// under says whether the lease may change the task.
func (h held) under(lease string) error {
	switch {
	case lease == "" || lease != h.lease:
		return taskdb.ErrLeaseLost
	case h.t.State == taskdb.Canceled:
		return taskdb.ErrCanceled
	case h.t.State != taskdb.InProgress:
		return taskdb.ErrLeaseLost
	}
	return nil
}

// readUnder reads a task and checks the lease.
func readUnder(tx Tx, id, lease string) (held, error) {
	h, err := readHeld(tx, id)
	if err != nil {
		return h, err
	}
	return h, h.under(lease)
}

// Heartbeat implements taskdb.Leases.
func (s *Store) Heartbeat(ctx context.Context, list []taskdb.Heartbeat) ([]error, error) {
	return report(ctx, s, list, func(c *change, b taskdb.Heartbeat) error {
		n, err := changed(c.Exec(beat, c.now+s.opt.Lease.Microseconds(), taskdb.ClampProgress(b.Progress), c.now, b.ID, b.Lease))
		if err != nil {
			return err
		}
		if n == 0 {
			return lostLease(readUnder(c, b.ID, b.Lease))
		}
		n, err = changed(c.Exec(tell, taskdb.ClampStage(b.Stage), b.ID, taskdb.MaxTold))
		c.moved = c.moved || n > 0
		return err
	})
}

// Finish implements taskdb.Leases.
func (s *Store) Finish(ctx context.Context, list []taskdb.Finish) ([]error, error) {
	return report(ctx, s, list, finish)
}

func finish(c *change, f taskdb.Finish) error {
	h, err := readHeld(c, f.ID)
	if err != nil {
		return err
	}
	again := f.Lease != "" && f.Lease == h.lease && h.t.State == taskdb.Finished
	if err := h.under(f.Lease); err != nil && !again {
		return err
	}
	outputs, facts, err := results(h, f)
	switch {
	case err != nil && !again:
		return err
	case again && err == nil && outputs == h.outputs && facts == h.facts:
		return nil
	case again:
		return taskdb.ErrLeaseLost.Detailf("the task has been finished with other results")
	}
	return oneMoved(c, finishTask, outputs, facts, c.now, f.ID, f.Lease)
}

// results are the outputs and facts as they are stored: in the order in which
// they were wanted.
func results(h held, f taskdb.Finish) (outputs, facts string, err error) {
	var t taskdb.Task
	if err := decode(h.outputs, &t.Outputs); err != nil {
		return "", "", err
	}
	if err := taskdb.CheckFinish(t, f); err != nil {
		return "", "", err
	}
	for i, want := range t.Outputs {
		for _, o := range f.Outputs {
			if o.Name == want.Name {
				t.Outputs[i].Blob = o.Blob
			}
		}
	}
	if err := encode(&outputs, t.Outputs); err != nil {
		return "", "", err
	}
	if len(f.Facts) > 0 {
		err = encode(&facts, f.Facts)
	}
	return outputs, facts, err
}

// Fail implements taskdb.Leases.
func (s *Store) Fail(ctx context.Context, list []taskdb.Failure) ([]error, error) {
	return report(ctx, s, list, func(c *change, f taskdb.Failure) error {
		h, err := readUnder(c, f.ID, f.Lease)
		if err != nil {
			return err
		}
		return s.end(c, h, taskdb.Judge(h.t, f))
	})
}

// end ends an attempt that did not succeed.
func (s *Store) end(c *change, h held, v taskdb.Verdict) error {
	next := row{t: taskdb.Task{Needs: h.t.Needs}, runAt: c.now + s.opt.Backoff(v.Backoff).Microseconds()}
	finished := int64(0)
	if v.State == taskdb.Failed {
		finished, next.runAt = c.now, c.now
	} else {
		next.wait(c.now)
	}
	err := oneMoved(c, endAttempt, string(v.State), next.ready, next.runAt, v.Failures, v.Crashes, v.Lost,
		v.Error.Code, v.Error.Detail, c.now, finished, h.id, h.lease)
	if err == nil && v.State == taskdb.NotStarted {
		c.waits(&next)
	}
	return err
}

// Release implements taskdb.Leases.
func (s *Store) Release(ctx context.Context, list []taskdb.Release) ([]error, error) {
	return report(ctx, s, list, func(c *change, r taskdb.Release) error {
		h, err := readUnder(c, r.ID, r.Lease)
		if err != nil {
			return err
		}
		if err := oneMoved(c, releaseTask, c.now, r.ID, r.Lease); err != nil {
			return err
		}
		c.becameReady(h.t.Needs)
		return nil
	})
}

// report does a list of reports in one transaction. What is wrong with one of
// them is its own answer; what is wrong with the database undoes them all.
func report[T any](ctx context.Context, s *Store, list []T, one func(*change, T) error) ([]error, error) {
	if err := taskdb.CheckBatch(len(list)); err != nil {
		return nil, err
	}
	errs := make([]error, len(list))
	if len(list) == 0 {
		return errs, nil
	}
	err := s.write(ctx, func(c *change) error {
		for i, r := range list {
			errs[i] = one(c, r)
			if _, ok := errors.AsType[*fault.Fault](errs[i]); errs[i] != nil && !ok {
				return errs[i]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return errs, nil
}

// oneMoved changes the state of one task, which somebody else may have done
// meanwhile where transactions run side by side.
func oneMoved(c *change, query string, args ...any) error {
	n, err := changed(c.Exec(query, args...))
	if err == nil && n == 0 {
		err = taskdb.ErrLeaseLost
	}
	c.moved = c.moved || n > 0
	return err
}

func lostLease(_ held, err error) error {
	if err == nil {
		return taskdb.ErrLeaseLost
	}
	return err
}
