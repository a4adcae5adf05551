package sweeper

import (
	"path/filepath"
	"testing"
	"time"

	"minilab/internal/kv/sqlitekv"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
)

// TestRestoredTaskDatabase: restored alone it has forgotten what came after the
// backup, and that is not swept. Restored with the key-value store, where
// nothing of the past is noted, it is believed.
func TestRestoredTaskDatabase(t *testing.T) {
	f := settled(t)
	f.create("old")
	f.sweep()
	dir := t.TempDir()
	f.ok(sqlite.Snapshot(t.Context(), filepath.Join(f.dir, "taskdb.db"), filepath.Join(dir, "taskdb.db")))
	f.ok(sqlitekv.Snapshot(t.Context(), filepath.Join(f.dir, "kv.db"), filepath.Join(dir, "kv.db")))
	f.create("new")
	f.sweep()

	_, err := sqlite.Renew(t.Context(), dir, time.Now(), nil)
	f.ok(err)
	f.tasks = openTasks(t, dir, sqltaskdb.Options{Lease: time.Hour})
	for range 2 {
		_, err = f.sweeper().Sweep(t.Context())
		f.is(err, errForgotten)
	}
	_, err = f.images.Stat(t.Context(), storage.InProgress, "new")
	f.ok(err)

	_, err = sqlitekv.Renew(t.Context(), filepath.Join(dir, "kv.db"), time.Now(), PastKey)
	f.ok(err)
	f.kv = openKV(t, filepath.Join(dir, "kv.db"))
	f.ok(f.images.Delete(t.Context(), storage.InProgress, "new")) // it is not in the backup
	f.sweep()
	_, err = f.tasks.Get(t.Context(), "new")
	f.is(err, taskdb.ErrNotFound)
	f.sweep()
}
