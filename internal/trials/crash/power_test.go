package crash_test

import (
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

func newUnsynced() *unsynced { return &unsynced{files: map[string]bool{}} }

func (u *unsynced) follow(c syscalls.Call) syscalls.Verdict {
	u.mu.Lock()
	defer u.mu.Unlock()
	draft := strings.HasPrefix(filepath.Base(c.File), draftPrefix) // its name may be lost
	switch {
	case mayGo(c.File):
	case c.Op == syscalls.Sync:
		delete(u.files, c.File)
	case c.Op == syscalls.Write, c.Op == syscalls.Truncate, c.Op == syscalls.Attribute:
		u.files[c.File] = true
	case c.Op == syscalls.Unlink && draft:
		delete(u.files, c.File)
	case draft:
	default: // it makes, moves or removes a name
		u.files[filepath.Dir(c.File)] = true
	}
	return syscalls.Verdict{}
}

// mayGo says whether a file may be lost: a lock, and the index of SQLite's log,
// which is made anew.
func mayGo(file string) bool {
	name := filepath.Base(file)
	return strings.HasSuffix(name, ".lock") || strings.HasSuffix(name, "-shm")
}

func (u *unsynced) left() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Sorted(maps.Keys(u.files))
}

// answered fails unless all is on the disk at the moment when the service has
// answered. The service has commits of its own, such as its registration, of
// which one may be under way just then; not every time.
func (u *unsynced) answered(t *testing.T, a *alone, name string) {
	t.Helper()
	var left []string
	for try := range 5 {
		if err := a.use(t.Context(), fmt.Sprintf("%s-%d", name, try)); err != nil {
			t.Fatal(err)
		}
		if left = u.left(); len(left) == 0 {
			return
		}
	}
	t.Errorf("%s: answered before %q were on the disk", a.service, left)
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
		u := newUnsynced()
		a.watch.Decide(u.follow)
		for i := range 20 {
			u.answered(t, a, fmt.Sprintf("n-%d", i))
		}
		if service != "storage" {
			continue
		}
		if err := storagehttp.NewClient(a.client()).Delete(t.Context(), storage.Finished, "first"); err != nil {
			t.Fatal(err)
		}
		if left := u.left(); len(left) > 0 {
			t.Errorf("%s: a deletion is answered before %q were on the disk", service, left)
		}
	}
}

// TestANewFolderIsSynced: what is kept in it is lost with its name.
func TestANewFolderIsSynced(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		a := newAlone(t, service)
		a.dir = filepath.Join(a.dir, "new", "data")
		u := newUnsynced()
		a.watch.Decide(u.follow)
		a.startWell()
		u.answered(t, a, "first")
	}
}
