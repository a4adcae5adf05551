package sqlite_test

import (
	"log/slog"
	"testing"

	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite/sqlitetest"
	"minilab/internal/taskdb/taskdbtest"
)

func TestStore(t *testing.T) {
	taskdbtest.Run(t, func(t *testing.T, c taskdbtest.Config) taskdbtest.Subject {
		s := open(t, t.TempDir(), sqltaskdb.Options{
			Lease: c.Lease, Deadline: c.Deadline, MaxWaiting: c.MaxWaiting, KeepEvents: c.KeepEvents, KeepFor: c.KeepFor,
			Backoff: c.Backoff, Now: c.Now,
		})
		return taskdbtest.Subject{Store: s, Reap: s.Reap, Trim: s.Trim}
	}, taskdbtest.Options{})
}

func open(t testing.TB, dir string, opt sqltaskdb.Options) *sqltaskdb.Store {
	t.Helper()
	opt.Log = slog.New(slog.DiscardHandler)
	s, err := sqlitetest.Open(t, dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
