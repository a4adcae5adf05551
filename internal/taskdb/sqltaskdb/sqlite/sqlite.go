// Package sqlite opens the task database on SQLite: one file, one process, no
// configuration but its folder.
//
//	store, err := sqlite.Open(ctx, "./minilab-data", sqltaskdb.Options{Lease: 30 * time.Second})
//	defer store.Close()
package sqlite

import (
	"context"
	"embed"
	"io/fs"
	"path/filepath"

	"minilab/internal/sqlitedb"
	"minilab/internal/taskdb/sqltaskdb"
)

//go:embed migrations/*.sql
var files embed.FS

// Open opens DIR/taskdb.db and makes it when it is not there. A second
// process that opens the same is refused.
func Open(ctx context.Context, dir string, opt sqltaskdb.Options) (*sqltaskdb.Store, error) {
	d, err := openDB(ctx, dir, sqlitedb.Commits(opt.Commits))
	if err != nil {
		return nil, err
	}
	return sqltaskdb.New(ctx, d, opt), nil
}

func openDB(ctx context.Context, dir string, opts ...sqlitedb.Option) (db, error) {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return db{}, err
	}
	d, err := sqlitedb.Open(ctx, filepath.Join(dir, "taskdb.db"), migrations, opts...)
	return db{d}, err
}

// db fits SQLite to what the engine needs.
type db struct{ *sqlitedb.DB }

// Write implements sqltaskdb.DB.
func (d db) Write(ctx context.Context, f func(sqltaskdb.Tx) error) error {
	return d.DB.Write(ctx, func(tx *sqlitedb.Tx) error { return f(tx) })
}

// Read implements sqltaskdb.DB.
func (d db) Read() sqltaskdb.Reader { return d.DB.Read() }

// Fault implements sqltaskdb.DB.
func (d db) Fault(err error) error { return sqlitedb.Fault(err) }
