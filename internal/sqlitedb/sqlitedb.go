// Package sqlitedb is how minilab's embedded engines use SQLite: one writer
// with group commit, a pool of readers, migrations and a lock.
//
//	db, err := sqlitedb.Open(ctx, "DIR/kv.db", migrations)
//	err = db.Write(ctx, func(tx *sqlitedb.Tx) error {
//		_, err := tx.Exec(`UPDATE state SET revision = revision + 1`)
//		return err
//	})
//	err = db.Read().QueryRowContext(ctx, `SELECT revision FROM state`).Scan(&n)
//
// A commit costs a sync of the disk, so the writer puts all the operations
// that wait for it into one transaction, each behind a savepoint of its own: a
// failing one undoes itself and not its neighbours. An operation is answered
// only when it is on the disk (WAL, synchronous=FULL).
package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"minilab/internal/dirlock"
)

// How many connections the read pool has, and the default of an option.
const (
	poolReaders  = 4
	defaultGroup = 256
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	path    string
	lock    *dirlock.Lock
	writing *sql.DB // holds the writer's one connection
	reading *sql.DB
	reader  *Reader
	writer  *writer
}

// Option changes how a database is opened.
type Option func(*options)

type options struct {
	group   int
	commits func(operations int, took time.Duration)
}

// Group sets how many operations share a commit at most; 1 gives each its own.
func Group(n int) Option { return func(o *options) { o.group = n } }

// Commits has f told of each commit that went well: of how many operations, and
// how long their transaction took. f is called by the writer: it must be quick.
func Commits(f func(operations int, took time.Duration)) Option {
	return func(o *options) {
		if f != nil {
			o.commits = f
		}
	}
}

// Open opens the database file at path, makes it when it is not there, and
// brings its schema up to date with the migrations (goose's SQL files in the
// root of fsys). A second process that opens the same file gets
// dirlock.ErrInUse, a file that is damaged ErrDamaged, and one that a newer
// minilab has written ErrNewer; all of them name the file or its folder.
func Open(ctx context.Context, path string, migrations fs.FS, opts ...Option) (*DB, error) {
	o := options{group: defaultGroup, commits: func(int, time.Duration) {}}
	for _, opt := range opts {
		opt(&o)
	}
	dir, file := filepath.Split(path)
	lock, err := dirlock.Acquire(filepath.Clean(dir), strings.TrimSuffix(file, filepath.Ext(file)))
	if err != nil {
		return nil, err
	}
	db := &DB{path: path, lock: lock}
	if err := db.open(ctx, migrations, o); err != nil {
		return nil, errors.Join(opening(path, err), db.release())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, migrations fs.FS, o options) (err error) {
	if db.writing, err = pool(db.path, writerParams, 1); err != nil {
		return err
	}
	if err := check(ctx, db.writing, db.path); err != nil {
		return err
	}
	if err := migrate(ctx, db.writing, migrations, db.path); err != nil {
		return err
	}
	if db.reading, err = pool(db.path, readerParams, poolReaders); err != nil {
		return err
	}
	db.reader = newReader(db.reading)
	conn, err := db.writing.Conn(ctx)
	if err != nil {
		return err
	}
	db.writer = newWriter(ctx, conn, o)
	return nil
}

// Path is the database's file.
func (db *DB) Path() string { return db.path }

// Read asks the read-only connections. What a Write has answered is seen by
// every read that begins after it. Its errors are the driver's: pass them
// through Fault.
func (db *DB) Read() *Reader { return db.reader }

// Write runs f in a transaction, after all that was queued before it, and
// returns when it is durable. An error that f returns undoes what f did and
// nothing else; a panic in f counts as an error. When ctx ends while f is
// queued, f is not run and the error is the context's cause; once f runs, its
// outcome is told whatever happens to ctx. When the commit fails, every
// operation of the group fails with what the disk said (see Fault), and the
// next group may succeed.
//
// f is run at most once, on the writer's goroutine: it must be quick and must
// not call Write.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error {
	return Fault(db.writer.do(ctx, f))
}

// Close refuses new writes, waits for the queued ones and lets go of the
// file. Closing again does nothing.
func (db *DB) Close() error {
	first, err := db.writer.close()
	if !first {
		return nil
	}
	return errors.Join(err, db.release())
}

func (db *DB) release() error {
	var errs []error
	// The writer's connection is the last to go: it moves the log into the file.
	for _, pool := range []*sql.DB{db.reading, db.writing} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	errs = append(errs, db.lock.Release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", db.path, err)
	}
	return nil
}
