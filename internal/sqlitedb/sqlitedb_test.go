package sqlitedb_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"minilab/internal/dirlock"
	"minilab/internal/fault"
	"minilab/internal/sqlitedb"
)

const schema = `-- +goose Up
CREATE TABLE items (id INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT;
`

const insert = `INSERT INTO items (id, value) VALUES (?, ?)`

func migrations() fs.FS {
	return fstest.MapFS{"0001_init.sql": {Data: []byte(schema)}}
}

func open(t testing.TB, path string, opts ...sqlitedb.Option) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), path, migrations(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func put(id int) func(*sqlitedb.Tx) error {
	return func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(insert, id, []byte("value"))
		return err
	}
}

func ids(t testing.TB, db *sqlitedb.DB) []int {
	t.Helper()
	rows, err := db.Read().QueryContext(t.Context(), `SELECT id FROM items ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []int
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// hold keeps the writer busy until release is called, so that what is written
// meanwhile is one group.
func hold(t *testing.T, db *sqlitedb.DB) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	var held sync.WaitGroup
	held.Go(func() {
		err := db.Write(t.Context(), func(*sqlitedb.Tx) error {
			close(begun)
			<-end
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	return func() {
		close(end)
		held.Wait()
	}
}

// queue starts a Write and returns once it waits in the queue.
func queue(ctx context.Context, t *testing.T, db *sqlitedb.DB, f func(*sqlitedb.Tx) error) <-chan error {
	t.Helper()
	answer, before := make(chan error, 1), db.Queued()
	go func() { answer <- db.Write(ctx, f) }()
	for db.Queued() == before {
		select {
		case err := <-answer:
			t.Fatalf("the write did not wait: %v", err)
		default:
		}
	}
	return answer
}

func TestAnErrorUndoesOnlyItsOwnOperation(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	release := hold(t, db)
	mine := errors.New("mine")
	good := queue(t.Context(), t, db, put(1))
	bad := queue(t.Context(), t, db, func(tx *sqlitedb.Tx) error { return errors.Join(put(2)(tx), mine) })
	broken := queue(t.Context(), t, db, func(tx *sqlitedb.Tx) error { return errors.Join(put(3)(tx), put(1)(tx)) })
	panics := queue(t.Context(), t, db, func(tx *sqlitedb.Tx) error { _ = put(4)(tx); panic("oh") })
	last := queue(t.Context(), t, db, put(5))
	release()

	if err := errors.Join(<-good, <-last); err != nil {
		t.Error(err)
	}
	if err := <-bad; !errors.Is(err, mine) {
		t.Errorf("own error: %v", err)
	}
	if err := <-broken; !sqlitedb.IsDuplicate(err) {
		t.Errorf("duplicate key: %v", err)
	}
	if err := <-panics; err == nil || !strings.Contains(err.Error(), "oh") {
		t.Errorf("panic: %v", err)
	}
	if got := ids(t, db); !slices.Equal(got, []int{1, 5}) {
		t.Errorf("rows %v", got)
	}
}

func TestRowsLeftOpenAreClosed(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	for range 3 {
		err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
			rows, err := tx.Query(`SELECT 1 UNION SELECT 2`)
			if err == nil && !rows.Next() {
				return errors.New("no row")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCancelledInTheQueueIsNotRun(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	release := hold(t, db)
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	answer := queue(ctx, t, db, put(1))
	cancel(why)
	if err := <-answer; !errors.Is(err, why) {
		t.Errorf("cancelled: %v", err)
	}
	release()
	if err := db.Write(ctx, put(2)); !errors.Is(err, why) {
		t.Errorf("cancelled before: %v", err)
	}
	if got := ids(t, db); len(got) != 0 {
		t.Errorf("rows %v", got)
	}
}

func TestCancelledWhileRunningIsTold(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Write(ctx, func(tx *sqlitedb.Tx) error {
		cancel()
		return put(1)(tx)
	})
	if err != nil || !slices.Equal(ids(t, db), []int{1}) {
		t.Errorf("cancelled while it ran: %v, rows %v", err, ids(t, db))
	}
}

func TestHooksRunInCommitOrderBeforeTheAnswer(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	var ran []int // by the hooks, one after the other
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			var mine int
			err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
				if err := tx.QueryRow(`INSERT INTO items (value) VALUES (x'') RETURNING id`).Scan(&mine); err != nil {
					return err
				}
				tx.AfterCommit(func() { ran = append(ran, mine) })
				if i%10 == 0 {
					return errors.New("undone")
				}
				return nil
			})
			if (err != nil) != (i%10 == 0) {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if want := ids(t, db); len(ran) != 180 || !slices.Equal(ran, want) {
		t.Errorf("hooks ran for %v, rows are %v", ran, want)
	}
}

func TestPanicInAHookIsItsOperationsError(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	ran := false
	err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		tx.AfterCommit(func() { panic("hook") })
		tx.AfterCommit(func() { ran = true })
		return put(1)(tx)
	})
	if err == nil || !ran {
		t.Errorf("error %v, the hook behind it ran: %t", err, ran)
	}
	if err := db.Write(t.Context(), put(2)); err != nil {
		t.Error(err)
	}
}

func TestFullFailsTheGroupAndEndsWithSpace(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	limit := func(pages int) {
		t.Helper()
		err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
			var got int
			return tx.QueryRow(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)).Scan(&got)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(10)
	release := hold(t, db)
	before := queue(t.Context(), t, db, put(1))
	large := queue(t.Context(), t, db, func(tx *sqlitedb.Tx) error {
		_, _ = tx.Exec(insert, 2, make([]byte, 1<<20))
		var n int
		if err := tx.QueryRow(`SELECT 1`).Scan(&n); err == nil {
			t.Error("a statement ran after the disk was full")
		}
		return nil
	})
	after := queue(t.Context(), t, db, put(3))
	release()
	for name, answer := range map[string]<-chan error{"before": before, "large": large, "after": after} {
		if err := <-answer; !errors.Is(err, fault.ErrNoSpace) {
			t.Errorf("%s: %v", name, err)
		}
	}
	limit(1 << 30)
	if err := db.Write(t.Context(), put(4)); err != nil {
		t.Error(err)
	}
	if got := ids(t, db); !slices.Equal(got, []int{4}) {
		t.Errorf("rows %v", got)
	}
}

func TestReadersCannotWrite(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	var id int
	err := db.Read().QueryRowContext(t.Context(), insert+` RETURNING id`, 1, []byte{}).Scan(&id)
	if !errors.Is(sqlitedb.Fault(err), sqlitedb.ErrReadOnly) {
		t.Errorf("write through the read pool: %v", err)
	}
}

func TestCloseDrains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := open(t, path)
	release := hold(t, db)
	var answers []<-chan error
	for i := range 20 {
		answers = append(answers, queue(t.Context(), t, db, put(i)))
	}
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	release()
	for _, answer := range answers {
		if err := <-answer; err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := db.Write(t.Context(), put(99)); !errors.Is(err, sqlitedb.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if got := ids(t, open(t, path)); len(got) != 20 {
		t.Errorf("rows %v", got)
	}
}

func TestCloseLeavesOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := open(t, path)
	if err := db.Write(t.Context(), put(1)); err != nil {
		t.Fatal(err)
	}
	ids(t, db)
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the log is left behind: %v", err)
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	open(t, path)
	_, err := sqlitedb.Open(t.Context(), path, migrations())
	if !errors.Is(err, dirlock.ErrInUse) || !strings.Contains(err.Error(), filepath.Dir(path)) {
		t.Errorf("second open: %v", err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	newer := fstest.MapFS{
		"0001_init.sql": {Data: []byte(schema)},
		"0007_more.sql": {Data: []byte("-- +goose Up\nCREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;\n")},
	}
	db, err := sqlitedb.Open(t.Context(), path, newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = sqlitedb.Open(t.Context(), path, migrations())
	want := path + " was written by a newer minilab (schema 7, this one knows 1)"
	if !errors.Is(err, sqlitedb.ErrNewer) || !strings.Contains(err.Error(), want) {
		t.Errorf("a newer schema: %v", err)
	}
	open(t, filepath.Join(filepath.Dir(path), "other.db")) // the failed open gave its lock back
}

func TestDamageIsTold(t *testing.T) {
	damage := map[string]func(file []byte) []byte{
		"no database": func([]byte) []byte { return []byte(strings.Repeat("not a database\n", 999)) },
		"a bad page":  func(file []byte) []byte { copy(file[4096:], make([]byte, 4096)); return file },
		"cut":         func(file []byte) []byte { return file[:len(file)/2] },
	}
	for name, change := range damage {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			db := open(t, path)
			if err := errors.Join(db.Write(t.Context(), put(1)), db.Close()); err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = sqlitedb.Open(t.Context(), path, migrations())
			if !errors.Is(err, sqlitedb.ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Errorf("damaged: %v", err)
			}
		})
	}
}

func TestAwkwardPaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a b.db", "100%.db", "who?.db", "x#y.db", "mode=ro&x.db", "ü.db"} {
		db := open(t, filepath.Join(dir, name))
		if err := db.Write(t.Context(), put(1)); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestCommitsAreTold(t *testing.T) {
	var commits, operations atomic.Int64
	db := open(t, filepath.Join(t.TempDir(), "test.db"), sqlitedb.Commits(func(n int, took time.Duration) {
		commits.Add(1)
		operations.Add(int64(n))
		if took <= 0 || took > time.Minute {
			t.Errorf("a commit took %v", took)
		}
	}))
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			_ = db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
				_, err := tx.Exec(insert, i, "x")
				return err
			})
		})
	}
	all.Wait()
	if c, n := commits.Load(), operations.Load(); n != 50 || c < 1 || c > 50 {
		t.Errorf("%d operations in %d commits were told of", n, c)
	}
}
