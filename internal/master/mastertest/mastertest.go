// Package mastertest opens a master over real embedded engines, for tests.
package mastertest

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"minilab/internal/kv/sqlitekv"
	"minilab/internal/lab/labtest"
	"minilab/internal/master"
	"minilab/internal/storage/filestorage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite/sqlitetest"
)

// Open makes an empty lab in a folder of the test's.
func Open(t *testing.T) labtest.Fixture {
	t.Helper()
	return OpenWith(t, func(s taskdb.Store) taskdb.Store { return s })
}

// OpenWith is Open with something around the task database, which may have
// options of its own.
func OpenWith(t *testing.T, around func(taskdb.Store) taskdb.Store, change ...func(*sqltaskdb.Options)) labtest.Fixture {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	presets, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(dir, "kv.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { presets.Close() })
	images, err := filestorage.Open(dir, filestorage.Options{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { images.Close() })
	opt := sqltaskdb.Options{Log: log, Backoff: func(int) time.Duration { return time.Millisecond }}
	for _, f := range change {
		f(&opt)
	}
	tasks, err := sqlitetest.Open(t, dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tasks.Close() })
	known := master.NewPresets(presets)
	follow(t, func(ctx context.Context) { known.Follow(ctx, log) })
	m := master.New(master.Config{DB: around(tasks), Storage: images, Presets: known, StorageURL: func() string { return "http://storage" }, Log: log,
		Watermarks: presets, KVURL: func() string { return "http://kv" }})
	t.Cleanup(m.Close)
	return labtest.Fixture{Lab: m, Storage: images, Presets: presets}
}

// follow runs f until the test ends.
func follow(t *testing.T, f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}
