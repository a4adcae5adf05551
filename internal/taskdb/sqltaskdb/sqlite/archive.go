package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"minilab/internal/sqlitedb"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// tokenLeap is by how much tokens grow at least when a copy begins a time line
// of its own; seqs grow by taskdb.SeqLeap.
const tokenLeap = 1_000_000

// Snapshot writes a copy of a task database, as it is at one moment, to a new
// file, beside the process that uses it.
func Snapshot(ctx context.Context, path, into string) error {
	return sqlitedb.Snapshot(ctx, path, into)
}

// File is a task database that is only read: a snapshot, or the one of a
// running service.
type File struct{ db *sql.DB }

// OpenFile opens the file, which must be there.
func OpenFile(ctx context.Context, path string) (File, error) {
	db, err := sqlitedb.Beside(ctx, path)
	return File{db}, err
}

// Each gives every task, in the order of their ids.
func (f File) Each(ctx context.Context) iter.Seq2[taskdb.Task, error] {
	return func(yield func(taskdb.Task, error) bool) {
		for t, err := range sqltaskdb.Each(ctx, f.db) {
			if !yield(t, sqlitedb.Fault(err)) {
				return
			}
		}
	}
}

// Find reads a task, or is taskdb.ErrNotFound.
func (f File) Find(ctx context.Context, id string) (taskdb.Task, error) {
	t, err := sqltaskdb.Find(ctx, f.db, id)
	return t, sqlitedb.Fault(err)
}

const (
	hasIdentity  = `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'identity')`
	readIdentity = `SELECT id FROM identity`

	lastEvent = `SELECT seq, task_id, state, token, at FROM events ORDER BY seq DESC LIMIT 1`
	sameEvent = `SELECT EXISTS (SELECT 1 FROM events WHERE seq = ? AND task_id = ? AND state = ? AND token = ? AND at = ?)`
)

// Identity tells the database from every other but its copies. It is empty for
// one that no service has opened since databases have identities.
func (f File) Identity(ctx context.Context) (id string, err error) {
	var has bool
	err = f.db.QueryRowContext(ctx, hasIdentity).Scan(&has)
	if err == nil && has {
		err = f.db.QueryRowContext(ctx, readIdentity).Scan(&id)
	}
	return id, sqlitedb.Fault(err)
}

// Follows says whether this is the database that the other is an earlier copy
// of: its feed has the other's last event, or the other has none. It is false
// too when the feed does not go back that far any more.
func (f File) Follows(ctx context.Context, earlier File) (same bool, err error) {
	var (
		seq, token, at int64
		id, state      string
	)
	err = earlier.db.QueryRowContext(ctx, lastEvent).Scan(&seq, &id, &state, &token, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err == nil {
		err = f.db.QueryRowContext(ctx, sameEvent, seq, id, state, token, at).Scan(&same)
	}
	return same, sqlitedb.Fault(err)
}

// Close lets go of the file.
func (f File) Close() error { return f.db.Close() }

const (
	touch = `UPDATE tasks SET updated_at = ? WHERE id = ?`
	drop  = `DELETE FROM tasks WHERE id = ?`

	newSeq   = `SELECT max(coalesce(max(seq), 0) + ?, ?) FROM events`
	newToken = `SELECT max(coalesce(max(token), 0) + ?, ?) FROM (SELECT token FROM tasks UNION ALL SELECT token FROM tombstones)`

	// The next seq follows from the last event, and who looks for the last
	// event must find one: it is that a task has gone which nobody has known.
	border = `INSERT INTO events (seq, task_id, owner, before, state, deleted, token, at, error_code, error_detail)
		VALUES (?, 'restored', 'public', 'canceled', 'canceled', 1, 0, ?, '', '')`
	compact = `UPDATE compaction SET upto = ?`

	raise  = `UPDATE tasks SET token = ? WHERE state <> 'finished'`
	floor  = `INSERT INTO tombstones (task_id, token, deleted_at) VALUES ('', ?, ?)`
	giveUp = `UPDATE tasks SET state = 'not-started', ready = 1, lease = '', lease_until = 0, deadline = 0, request = '',
			progress = 0, stage = '', run_at = ?1, updated_at = ?1
		WHERE state = 'in-progress'`
	outbox = `INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)`
)

// Renew makes the snapshot DIR/taskdb.db the beginning of a time line of its
// own, before a store is opened on it, without the tasks that are to be
// dropped. It says how many tasks there are in each state. Nobody may take it
// for the database that it was copied from and that went on meanwhile:
//
//   - No lease holds. What was at work waits again, as if it had been released.
//   - Tokens go on from now in milliseconds, above all that the other gave out,
//     for new tasks too: no attempt of the other, however late, has the key of
//     an output of this one. Finished tasks keep theirs.
//   - So do the feed's seqs, in microseconds. What was before is compacted, and
//     whoever followed the other is told taskdb.ErrCompacted.
//   - Calls of the outbox get numbers that the other has not used.
//
// Idempotency keys stay: a request that is repeated makes no second task.
func Renew(ctx context.Context, dir string, now time.Time, dropped []string) (map[taskdb.State]int64, error) {
	d, err := openDB(ctx, dir)
	if err != nil {
		return nil, err
	}
	counts := map[taskdb.State]int64{}
	err = d.DB.Write(ctx, func(tx *sqlitedb.Tx) error {
		if err := dropTasks(tx, now, dropped); err != nil {
			return err
		}
		if err := renew(tx, now); err != nil {
			return err
		}
		return count(tx, counts)
	})
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, fmt.Errorf("renew %s: %w", filepath.Join(dir, "taskdb.db"), err)
	}
	return counts, nil
}

func dropTasks(tx *sqlitedb.Tx, now time.Time, ids []string) error {
	for _, id := range ids {
		if _, err := tx.Exec(touch, now.UnixMicro(), id); err != nil {
			return err
		}
		if _, err := tx.Exec(drop, id); err != nil {
			return err
		}
	}
	return nil
}

func renew(tx *sqlitedb.Tx, now time.Time) error {
	var seq, token int64
	if err := tx.QueryRow(newSeq, taskdb.SeqLeap, now.UnixMicro()).Scan(&seq); err != nil {
		return err
	}
	if err := tx.QueryRow(newToken, tokenLeap, now.UnixMilli()).Scan(&token); err != nil {
		return err
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{`DELETE FROM events`, nil},
		{border, []any{seq, now.UnixMicro()}},
		{compact, []any{seq - 1}},
		{raise, []any{token}},
		{`DELETE FROM tombstones`, nil},
		{floor, []any{token, now.UnixMicro()}},
		{giveUp, []any{now.UnixMicro()}},
		{`DELETE FROM sqlite_sequence WHERE name = 'outbox'`, nil},
		{outbox, []any{seq}},
	} {
		if _, err := tx.Exec(step.query, step.args...); err != nil {
			return err
		}
	}
	return nil
}

func count(tx *sqlitedb.Tx, counts map[taskdb.State]int64) error {
	rows, err := tx.Query(`SELECT state, n FROM counts`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var state taskdb.State
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return err
		}
		counts[state] = n
	}
	return rows.Err()
}
