package sqltaskdb

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"minilab/internal/taskdb"
)

// queueFullRetry is the advice to somebody who met a full queue.
const queueFullRetry = 10 * time.Second

var (
	insertTask = `INSERT INTO tasks (` + columns + `)
		SELECT ` + places + ` WHERE (SELECT n FROM counts WHERE state = 'not-started') < ?
		ON CONFLICT (id) DO NOTHING`
	insertTag = `INSERT INTO task_tags (tag, task_id, owner) VALUES (?, ?, ?)
		ON CONFLICT (tag, task_id) DO NOTHING`
	selectTask = `SELECT ` + columns + ` FROM tasks WHERE id = ?`
)

// A token goes on where a deleted task of the same id has left off, and above
// all of another time line, which the tombstone of no id tells (see
// sqlite.Renew).
const (
	selectTombstone = `SELECT coalesce(max(token), 0), coalesce(max(task_id), '') FROM tombstones WHERE task_id IN (?, '')`
	takeKey         = `INSERT INTO idempotency (owner, key, hash, task_id, expires_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (owner, key) DO UPDATE SET hash = excluded.hash, task_id = excluded.task_id, expires_at = excluded.expires_at, given = 0
		WHERE idempotency.expires_at <= ?`
	selectKey = `SELECT hash, task_id FROM idempotency WHERE owner = ? AND key = ?`
	giveKey   = `UPDATE idempotency SET given = 1 WHERE owner = ? AND key = ? AND task_id <> ? AND given = 0`
)

// Create implements taskdb.Tasks.
func (s *Store) Create(ctx context.Context, t taskdb.Task) (taskdb.Task, bool, error) {
	wanted, err := newRow(t)
	if err != nil {
		return taskdb.Task{}, false, err
	}
	var got *row
	err = s.write(ctx, func(c *change) error {
		got, err = s.create(c, *wanted)
		return err
	})
	if err != nil {
		return taskdb.Task{}, false, err
	}
	task, err := got.task()
	return task, got.created, err
}

// create gives the new task, or the one that is the same request.
func (s *Store) create(c *change, r row) (*row, error) {
	used, err := useKey(c, &r)
	if err != nil {
		return nil, err
	}
	if used != "" {
		return readTask(c, used)
	}
	r.start(c.now)
	var usedID string
	if err := c.QueryRow(selectTombstone, r.t.ID).Scan(&r.t.Token, &usedID); err != nil {
		return nil, err
	}
	limit := s.opt.MaxWaiting
	if r.t.State == taskdb.Finished {
		r.t.Token, limit = max(r.t.Token, 1), math.MaxInt64
	}
	n, err := changed(c.Exec(insertTask, append(r.values(), limit)...))
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return s.existing(c, &r)
	}
	if r.t.State == taskdb.Finished && usedID != "" {
		return nil, taskdb.ErrExists.Detailf("another task has had the id %q", r.t.ID)
	}
	r.created = true
	return &r, finishCreate(c, &r)
}

// start fills in the times of a task that begins now.
func (r *row) start(now int64) {
	r.createdAt, r.updatedAt = now, now
	if r.runAt == 0 {
		r.runAt = now
	}
	if r.t.State == taskdb.NotStarted {
		r.wait(now)
		return
	}
	r.finishedAt = now
	if r.keep > 0 {
		r.expiresAt = now + r.keep
	}
}

// wait is for a task in not-started: for a worker, or for its time.
func (r *row) wait(now int64) {
	r.ready = later
	if r.runAt <= now {
		r.ready = ready
	}
}

// finishCreate does what follows from a new row and is not in the triggers.
func finishCreate(c *change, r *row) error {
	for _, tag := range r.t.Tags {
		if _, err := c.Exec(insertTag, tag, r.t.ID, r.t.Owner); err != nil {
			return err
		}
	}
	if r.t.State == taskdb.NotStarted {
		c.waits(r)
	}
	c.moved = true
	return nil
}

// existing is why a task was not inserted: it is there already, or the queue
// is full.
func (s *Store) existing(c *change, wanted *row) (*row, error) {
	got, err := readTask(c, wanted.t.ID)
	if errors.Is(err, taskdb.ErrNotFound) {
		return nil, taskdb.ErrQueueFull.Detailf("%d tasks are waiting; come back later", s.opt.MaxWaiting).Retry(queueFullRetry)
	}
	if err != nil {
		return nil, err
	}
	same, err := sameRequest(wanted, got)
	if err == nil && !same {
		err = taskdb.ErrExists.Detailf("another task has the id %q", wanted.t.ID)
	}
	return got, err
}

func sameRequest(a, b *row) (bool, error) {
	if a.t.Owner != b.t.Owner || a.t.Source != b.t.Source || a.pipeline != b.pipeline {
		return false, nil
	}
	var x, y []taskdb.Output
	if err := decode(a.outputs, &x, b.outputs, &y); err != nil {
		return false, err
	}
	return slices.EqualFunc(x, y, func(o, p taskdb.Output) bool {
		return o.Name == p.Name && o.Pipeline.String() == p.Pipeline.String()
	}), nil
}

// useKey takes the idempotency key for the new task, or gives the id of the
// task that has it.
func useKey(c *change, r *row) (id string, err error) {
	if r.t.IdempotencyKey == "" {
		return "", nil
	}
	n, err := changed(c.Exec(takeKey, r.t.Owner, r.t.IdempotencyKey, r.t.IdempotencyHash, r.t.ID,
		c.now+taskdb.IdempotencyKeep.Microseconds(), c.now))
	if n == 1 || err != nil {
		return "", err
	}
	var hash string
	if err := c.QueryRow(selectKey, r.t.Owner, r.t.IdempotencyKey).Scan(&hash, &id); err != nil {
		return "", err
	}
	if hash != r.t.IdempotencyHash {
		return "", taskdb.ErrIdempotency
	}
	_, err = c.Exec(giveKey, r.t.Owner, r.t.IdempotencyKey, r.t.ID)
	return id, err
}

func readTask(tx Tx, id string) (*row, error) {
	r, err := scanRow(tx.QueryRow(selectTask, id))
	return r, notFound(id, err)
}

// notFound turns the driver's word for no row into the contract's.
func notFound(id string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return taskdb.ErrNotFound.Detailf("there is no task %q", id)
	}
	return err
}

// changed is the number of rows that a statement changed.
func changed(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
