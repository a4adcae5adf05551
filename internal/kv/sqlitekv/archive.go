package sqlitekv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"minilab/internal/sqlitedb"
)

// revisionLeap is by how much revisions grow at least when a copy begins a
// time line of its own.
const revisionLeap = 1_000_000_000

// Snapshot writes a copy of the store's database, as it is at one moment, to a
// new file, beside the process that uses it.
func Snapshot(ctx context.Context, path, into string) error {
	return sqlitedb.Snapshot(ctx, path, into)
}

// Revision is that of the store's last change, beside the process that uses it.
func Revision(ctx context.Context, path string) (revision int64, err error) {
	db, err := sqlitedb.Beside(ctx, path)
	if err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT revision FROM store`).Scan(&revision)
	return revision, errors.Join(sqlitedb.Fault(err), db.Close())
}

// Renew makes a snapshot the beginning of a time line of its own, before a
// store is opened on it, without the keys that are to be forgotten, and says how
// many it has. Nobody may take it for the store that it was copied from and that
// went on meanwhile:
//
//   - Revisions go on from now in microseconds, above all that the other gave
//     out, and the log of changes is empty: whoever watched the other is told
//     kv.ErrCompacted and lists again. Entries keep their revisions, so a
//     compare-and-swap succeeds just where the value is the one that was seen.
//   - Keys with a TTL are gone. They are signs of life, of services that run or
//     of locks that are held, and whoever gave them may be dead.
func Renew(ctx context.Context, path string, now time.Time, forget ...string) (keys int64, err error) {
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return 0, err
	}
	db, err := sqlitedb.Open(ctx, path, migrations)
	if err != nil {
		return 0, err
	}
	err = db.Write(ctx, func(tx *sqlitedb.Tx) error {
		for _, key := range forget {
			if _, err := tx.Exec(`DELETE FROM entries WHERE key = ?`, []byte(key)); err != nil {
				return err
			}
		}
		for _, step := range []struct {
			query string
			args  []any
		}{
			{`DELETE FROM entries WHERE ttl > 0`, nil},
			{`DELETE FROM events`, nil},
			{`UPDATE store SET revision = max(revision + ?, ?)`, []any{revisionLeap, now.UnixMicro()}},
		} {
			if _, err := tx.Exec(step.query, step.args...); err != nil {
				return err
			}
		}
		return tx.QueryRow(`SELECT count(*) FROM entries`).Scan(&keys)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return 0, fmt.Errorf("renew %s: %w", path, err)
	}
	return keys, nil
}
