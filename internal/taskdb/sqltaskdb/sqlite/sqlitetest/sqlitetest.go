// Package sqlitetest opens task databases on SQLite for tests, of which there
// are hundreds: the schema is made once, and copied.
package sqlitetest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
)

const name = "taskdb.db"

// Open is sqlite.Open, quicker in a folder that has no task database yet. All
// that are made in one process are of one identity.
func Open(t testing.TB, dir string, opt sqltaskdb.Options) (*sqltaskdb.Store, error) {
	t.Helper()
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); os.IsNotExist(err) {
		empty, err := made(context.WithoutCancel(t.Context()))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			return nil, err
		}
	}
	return sqlite.Open(t.Context(), dir, opt)
}

var (
	once  sync.Once
	empty []byte
	wrong error
)

// made is the file of an empty task database.
func made(ctx context.Context) ([]byte, error) {
	once.Do(func() { empty, wrong = makeOne(ctx) })
	return empty, wrong
}

func makeOne(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "sqlitetest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := sqlite.Open(ctx, dir, sqltaskdb.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil { // what is in the log is in the file then
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, name))
}
