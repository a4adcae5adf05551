package filestorage

import (
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"minilab/internal/storage"
)

// Images of these sizes, so many bytes of them for each state and for so long,
// are kept in memory besides.
const (
	recentLeast = 64 << 10
	recentMost  = 16 << 20
	recentBytes = 64 << 20
	recentTime  = 30 * time.Second
)

// recent keeps images that have just come in sealed memory for the one reading
// that follows soon: of an original by a worker, of a result by its customer.
// That one need not wait for the disk nor hash the bytes again, for they are
// those that were hashed when they came. Afterwards the file alone is read.
//
// Where there is no room an original is not kept: those that came before it are
// read before it. A result takes the room of the oldest, which nobody has come
// for yet.
type recent struct {
	yields bool // the oldest make room

	mu   sync.Mutex
	used int64 // bytes
	list []*keep
}

// keep is one image that is kept.
type keep struct {
	name   string // of the file
	memory *os.File
	size   int64
	mark   mark
	lapse  *time.Timer
}

// mark tells a file from another of its name and from itself after a change.
type mark struct {
	inode        uint64
	size         int64
	mtime, ctime syscall.Timespec
}

func markOf(f *os.File) (mark, error) {
	info, err := f.Stat()
	if err != nil {
		return mark{}, err
	}
	st := info.Sys().(*syscall.Stat_t)
	return mark{st.Ino, st.Size, st.Mtim, st.Ctim}, nil
}

// reserve takes room for so many bytes, or says that there is none.
func (rc *recent) reserve(size int64) bool {
	if rc == nil || size < recentLeast || size > recentMost {
		return false
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for rc.yields && rc.used+size > recentBytes && len(rc.list) > 0 {
		rc.remove(0)
	}
	if rc.used+size > recentBytes {
		return false
	}
	rc.used += size
	return true
}

// free gives back what was reserved.
func (rc *recent) free(size int64) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.used -= size
}

// keep keeps an image for which there is room, in place of what was kept under
// its name.
func (rc *recent) keep(k *keep) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.removeNamed(k.name)
	rc.list = append(rc.list, k)
	k.lapse = time.AfterFunc(recentTime, func() { rc.drop(k) })
}

// take gives the memory of a file, which is not kept any more then, or nil.
func (rc *recent) take(name string, f *os.File) *os.File {
	if rc == nil {
		return nil
	}
	now, err := markOf(f)
	rc.mu.Lock()
	defer rc.mu.Unlock()
	i := rc.find(name)
	if i < 0 {
		return nil
	}
	k := rc.list[i]
	if err != nil || k.mark != now { // another one came, or somebody has changed it
		rc.remove(i)
		return nil
	}
	defer rc.remove(i)
	return storage.Reopen(k.memory)
}

// drop lets an image go whose time is over, unless it has gone.
func (rc *recent) drop(k *keep) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if i := slices.Index(rc.list, k); i >= 0 {
		rc.remove(i)
	}
}

// forget lets what is kept under a name go.
func (rc *recent) forget(name string) {
	if rc == nil {
		return
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.removeNamed(name)
}

// close lets all go.
func (rc *recent) close() {
	if rc == nil {
		return
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for len(rc.list) > 0 {
		rc.remove(0)
	}
}

func (rc *recent) find(name string) int {
	return slices.IndexFunc(rc.list, func(k *keep) bool { return k.name == name })
}

func (rc *recent) removeNamed(name string) {
	if i := rc.find(name); i >= 0 {
		rc.remove(i)
	}
}

func (rc *recent) remove(i int) {
	k := rc.list[i]
	rc.list = slices.Delete(rc.list, i, i+1)
	rc.used -= k.size
	k.lapse.Stop()
	k.memory.Close()
}
