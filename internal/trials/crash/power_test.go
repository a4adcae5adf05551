package crash_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"minilab/internal/storage"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/trials/syscalls"
)

// unsynced are the files and folders that have changed since their last fsync:
// what a power cut may undo. A killed process leaves no trace of those, since
// the kernel lives on.
type unsynced struct {
	mu    sync.Mutex
	files map[string]bool
}

func (u *unsynced) follow(c syscalls.Call) syscalls.Verdict {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch c.Op {
	case syscalls.Sync:
		delete(u.files, c.File)
	case syscalls.Write, syscalls.Truncate, syscalls.Attribute:
		u.files[c.File] = true
	case syscalls.Create, syscalls.Mkdir, syscalls.Rename, syscalls.Link, syscalls.Unlink:
		u.files[filepath.Dir(c.File)] = true
	}
	return syscalls.Verdict{}
}

// left leaves out what may be lost: locks, and the index of SQLite's log, which
// is made anew.
func (u *unsynced) left() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(u.files)), func(file string) bool {
		return strings.HasSuffix(file, ".lock") || strings.HasSuffix(file, "-shm")
	})
}

// TestWhatIsAnsweredIsSynced looks, at the moment of each answer, for what a
// power cut could take away.
func TestWhatIsAnsweredIsSynced(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		a := newAlone(t, service)
		a.startWell()
		if err := a.use(t.Context(), "first"); err != nil { // and the files that are made when they are needed
			t.Fatal(err)
		}
		u := &unsynced{files: map[string]bool{}}
		a.watch.Decide(u.follow)
		for i := range 20 {
			if err := a.use(t.Context(), fmt.Sprintf("n-%d", i)); err != nil {
				t.Fatal(err)
			}
			if left := u.left(); len(left) > 0 {
				t.Errorf("%s: answered before %q were on the disk", service, left)
			}
		}
		if service != "storage" {
			continue
		}
		if err := storagehttp.NewClient(a.client()).Delete(context.Background(), storage.Finished, "first"); err != nil {
			t.Fatal(err)
		}
		if left := u.left(); len(left) > 0 {
			t.Errorf("%s: a deletion answered before %q were on the disk", service, left)
		}
	}
}
