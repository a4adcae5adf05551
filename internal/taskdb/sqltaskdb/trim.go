package sqltaskdb

import (
	"context"
	"time"

	"minilab/internal/hook"
)

// tombstoneKeep is how long the token of a deleted task is remembered: longer
// than any worker can still hold a lease on it.
const tombstoneKeep = 7 * 24 * time.Hour

const (
	lastGone = `SELECT coalesce(max(seq), 0) FROM (SELECT seq FROM events
		WHERE seq <= (SELECT max(seq) FROM events) - ? AND at < ? ORDER BY seq LIMIT ?) AS gone`
	dropEvents     = `DELETE FROM events WHERE seq <= ?`
	noteGone       = `UPDATE compaction SET upto = ? WHERE upto < ?`
	dropThroughput = `DELETE FROM throughput WHERE second < ?`
	dropKeys       = `DELETE FROM idempotency WHERE (owner, key) IN (SELECT owner, key FROM idempotency WHERE expires_at <= ? LIMIT ?)`
	dropTombstones = `DELETE FROM tombstones WHERE task_id IN (SELECT task_id FROM tombstones WHERE deleted_at < ? LIMIT ?)`
)

// Trim removes what is kept only for a time: events, idempotency keys, the
// throughput and the tokens of deleted tasks. It runs by itself after changes.
func (s *Store) Trim(ctx context.Context) error {
	for {
		more := false
		err := s.write(ctx, func(c *change) (err error) {
			more, err = s.trim(c)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

// trim removes a part, and says whether there may be more.
func (s *Store) trim(c *change) (more bool, err error) {
	if more, err = s.trimEvents(c); err != nil {
		return false, err
	}
	for _, q := range []struct {
		query string
		args  []any
	}{
		{dropThroughput, []any{c.now/1e6 - 120}},
		{dropKeys, []any{c.now, trimMax}},
		{dropTombstones, []any{c.now - tombstoneKeep.Microseconds(), trimMax}},
		{dropDeliveries, []any{c.now - hook.KeepFor.Microseconds(), trimMax}},
		{dropBeyond, []any{hook.Keep, trimMax}},
	} {
		n, err := changed(c.Exec(q.query, q.args...))
		if err != nil {
			return false, err
		}
		more = more || n >= trimMax
	}
	return more, nil
}

// trimEvents never takes the last event: the next seq follows from it.
func (s *Store) trimEvents(c *change) (more bool, err error) {
	var gone int64
	if err := c.QueryRow(lastGone, max(s.opt.KeepEvents, 1), c.now-s.opt.KeepFor.Microseconds(), trimMax).Scan(&gone); err != nil || gone == 0 {
		return false, err
	}
	n, err := changed(c.Exec(dropEvents, gone))
	if err != nil {
		return false, err
	}
	_, err = c.Exec(noteGone, gone, gone)
	return n >= trimMax, err
}

// trimDue is the trimmer's alarm.
func (s *Store) trimDue(ctx context.Context) {
	if err := s.Trim(ctx); err != nil {
		s.opt.Log.Error("old entries could not be removed", "error", err)
	}
}
