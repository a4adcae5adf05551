package sqlitedb_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/sqlitedb"
)

// TestSnapshotIsOfOneMoment takes snapshots while a writer adds rows in order:
// each must hold exactly the first ones, and all that were there before it began.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "items.db")
	db := open(t, path)
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan int)
	go func() {
		defer close(written)
		for id := 1; ; id++ {
			if err := db.Write(ctx, put(id)); err != nil {
				return
			}
			select {
			case written <- id:
			default:
			}
		}
	}()
	for _, name := range []string{"one", "two", "three"} {
		atLeast := <-written
		into := filepath.Join(dir, name+".db")
		if err := sqlitedb.Snapshot(t.Context(), path, into); err != nil {
			t.Fatal(err)
		}
		got := ids(t, open(t, into))
		if len(got) < atLeast || got[0] != 1 || got[len(got)-1] != len(got) {
			t.Errorf("a snapshot after the row %d has %d rows, the last is %d", atLeast, len(got), got[len(got)-1])
		}
	}
	stop()
	for range written { // until the writer has ended
	}
}

// TestSnapshotWhenNobodyUsesTheFile: what a killed process has left in the log
// is in the snapshot, and the files are as they were.
func TestSnapshotWhenNobodyUsesTheFile(t *testing.T) {
	dir := t.TempDir()
	live := open(t, filepath.Join(dir, "items.db"))
	if err := live.Write(t.Context(), put(7)); err != nil {
		t.Fatal(err)
	}
	left := t.TempDir() // the files as a kill leaves them
	for _, name := range []string{"items.db", "items.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(left, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.db", "b.db"} {
		into := filepath.Join(t.TempDir(), name)
		if err := sqlitedb.Snapshot(t.Context(), filepath.Join(left, "items.db"), into); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, open(t, into)); !slices.Equal(got, []int{7}) {
			t.Errorf("the snapshot has %v", got)
		}
	}
	if got := ids(t, open(t, filepath.Join(left, "items.db"))); !slices.Equal(got, []int{7}) {
		t.Errorf("after the snapshots the database has %v", got)
	}
}

func TestSnapshotThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "items.db")
	open(t, path)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, slices.Repeat([]byte("no database "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ctx  context.Context
		path string
		want error
	}{
		"cancelled":   {ended, path, context.Canceled},
		"no database": {t.Context(), garbage, sqlitedb.ErrDamaged},
		"not there":   {t.Context(), filepath.Join(dir, "absent.db"), sqlitedb.ErrDisk},
	} {
		into := filepath.Join(dir, "snapshot.db")
		if err := sqlitedb.Snapshot(c.ctx, c.path, into); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, err := os.Lstat(into); err == nil {
			t.Errorf("%s: there is a snapshot", name)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "absent.db")); err == nil {
		t.Error("a database was made")
	}
	if err := sqlitedb.Snapshot(t.Context(), path, path); err == nil {
		t.Error("a database is replaced by its own snapshot")
	}
}

// TestSnapshotInAFolderThatCannotBeWritten is made of a file that was closed.
func TestSnapshotInAFolderThatCannotBeWritten(t *testing.T) {
	dir, into := t.TempDir(), filepath.Join(t.TempDir(), "a.db")
	path := filepath.Join(dir, "items.db")
	db, err := sqlitedb.Open(t.Context(), path, migrations())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Write(t.Context(), put(7)), db.Close(), os.Chmod(dir, 0o500)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	runtime.LockOSThread() // for good: the thread ends with the test
	header, none := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
	if err := unix.Capset(&header, &none[0]); err != nil { // root's right to write anywhere
		t.Fatal(err)
	}
	if err := sqlitedb.Snapshot(t.Context(), path, into); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, open(t, into)); !slices.Equal(got, []int{7}) {
		t.Errorf("the snapshot has %v", got)
	}
	if left, err := filepath.Glob(path + "-*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}
