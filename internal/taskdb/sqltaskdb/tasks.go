package sqltaskdb

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"minilab/internal/taskdb"
)

// from is the condition on the state that an action may start from.
func from(a taskdb.Action) string {
	var states []string
	for _, t := range taskdb.Transitions {
		if quoted := "'" + string(t.From) + "'"; t.Action == a && !slices.Contains(states, quoted) {
			states = append(states, quoted)
		}
	}
	return "state IN (" + strings.Join(states, ", ") + ")"
}

var (
	cancelTask = `UPDATE tasks SET state = 'canceled', ready = 0, lease_until = 0, deadline = 0, request = '', stage = '', updated_at = ?1,
			finished_at = ?1, expires_at = CASE WHEN keep > 0 THEN ?1 + keep ELSE 0 END
		WHERE id = ?2 AND ` + from(taskdb.ActCancel) + ` RETURNING ` + columns

	retryTask = `UPDATE tasks SET state = 'not-started', ready = 1, lease = '', run_at = ?1, updated_at = ?1,
			failures = 0, crashes = 0, lost = 0, error_code = '', error_detail = '', facts = '', progress = 0, stage = '',
			finished_at = 0, expires_at = 0
		WHERE id = ?2 AND ` + from(taskdb.ActRetry) + ` RETURNING ` + columns
)

// The feed tells when a task was deleted, by its last update.
const (
	selectIdentity = `SELECT id FROM identity`

	selectGiven = `SELECT count(*) FROM idempotency WHERE task_id = ? AND given = 1`
	deleteTask  = `DELETE FROM tasks WHERE id = ?`
)

var touchTask = `UPDATE tasks SET updated_at = ? WHERE id = ? RETURNING ` + columns

// touchExpired says twice what has expired: where transactions run side by
// side, a task may have been retried since it was chosen.
var touchExpired = `UPDATE tasks SET updated_at = ?1 WHERE expires_at > 0 AND expires_at <= ?1 AND id IN (
		SELECT id FROM tasks WHERE expires_at > 0 AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
	RETURNING ` + columns

// Identity tells this database from every other. Copies of it have the same.
func (s *Store) Identity(ctx context.Context) (id string, err error) {
	err = s.db.Read().QueryRowContext(ctx, selectIdentity).Scan(&id)
	return id, s.readFault(ctx, err)
}

// Get implements taskdb.Tasks.
func (s *Store) Get(ctx context.Context, id string) (taskdb.Task, error) {
	if err := taskdb.CheckID(id); err != nil {
		return taskdb.Task{}, err
	}
	r, err := scanRow(s.db.Read().QueryRowContext(ctx, selectTask, id))
	if err != nil {
		return taskdb.Task{}, s.readFault(ctx, notFound(id, err))
	}
	return r.task()
}

// Cancel implements taskdb.Tasks.
func (s *Store) Cancel(ctx context.Context, id string) (taskdb.Task, error) {
	return s.change(ctx, id, taskdb.ActCancel, taskdb.Canceled, cancelTask)
}

// Retry implements taskdb.Tasks.
func (s *Store) Retry(ctx context.Context, id string) (taskdb.Task, error) {
	return s.change(ctx, id, taskdb.ActRetry, taskdb.NotStarted, retryTask)
}

// change moves a task by one statement, whose arguments are the time and the
// id.
func (s *Store) change(ctx context.Context, id string, a taskdb.Action, to taskdb.State, query string) (taskdb.Task, error) {
	if err := taskdb.CheckID(id); err != nil {
		return taskdb.Task{}, err
	}
	var r *row
	err := s.write(ctx, func(c *change) (err error) {
		r, err = scanRow(c.QueryRow(query, c.now, id))
		if errors.Is(err, sql.ErrNoRows) {
			r, err = unmoved(c, id, a, to)
			return err
		}
		if err != nil {
			return err
		}
		c.moved = true
		if to == taskdb.NotStarted {
			c.waits(r)
		}
		return nil
	})
	if err != nil {
		return taskdb.Task{}, err
	}
	return r.task()
}

// unmoved is the task when it is in the state already and was canceled
// before, else why it cannot get there.
func unmoved(tx Tx, id string, a taskdb.Action, to taskdb.State) (*row, error) {
	r, err := readTask(tx, id)
	if err != nil {
		return nil, err
	}
	if a == taskdb.ActCancel && r.t.State == taskdb.Canceled {
		return r, nil
	}
	return nil, taskdb.CheckTransition(r.t.State, a, to)
}

// Delete implements taskdb.Tasks.
func (s *Store) Delete(ctx context.Context, id string) (taskdb.Task, error) {
	return s.drop(ctx, id, func(*change) error { return nil })
}

// Withdraw implements taskdb.Tasks.
func (s *Store) Withdraw(ctx context.Context, id string) (taskdb.Task, error) {
	return s.drop(ctx, id, func(c *change) error {
		var given int
		if err := c.QueryRow(selectGiven, id).Scan(&given); err != nil || given == 0 {
			return err
		}
		return taskdb.ErrGiven
	})
}

// drop deletes a task, if may says nothing against it.
func (s *Store) drop(ctx context.Context, id string, may func(*change) error) (taskdb.Task, error) {
	if err := taskdb.CheckID(id); err != nil {
		return taskdb.Task{}, err
	}
	var r *row
	err := s.write(ctx, func(c *change) (err error) {
		if err := may(c); err != nil {
			return err
		}
		if r, err = scanRow(c.QueryRow(touchTask, c.now, id)); err != nil {
			return notFound(id, err)
		}
		c.moved = true
		_, err = c.Exec(deleteTask, id)
		return err
	})
	if err != nil {
		return taskdb.Task{}, err
	}
	return r.task()
}

// Expire implements taskdb.Tasks.
func (s *Store) Expire(ctx context.Context, limit int) ([]taskdb.Task, error) {
	if limit <= 0 || limit > taskdb.MaxExpire {
		limit = taskdb.MaxExpire
	}
	var rows []*row
	err := s.write(ctx, func(c *change) (err error) {
		rows, err = scanRows(c.Query(touchExpired, c.now, limit))
		for _, r := range rows {
			r.facts = "" // so many of them are too much for an answer
			if _, err := c.Exec(deleteTask, r.t.ID); err != nil {
				return err
			}
		}
		c.moved = len(rows) > 0
		return err
	})
	if err != nil {
		return nil, err
	}
	return tasks(rows)
}

// readFault says what a failed read is: the caller's leaving, the closing of
// the database, or a fault of the disk.
func (s *Store) readFault(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return s.db.Fault(err)
	}
	return context.Cause(ctx)
}
