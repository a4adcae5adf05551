package filestorage_test

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/fault"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
)

// counter is a caller's body of which it matters how much was read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// plenty is more than any of these stores may take.
func plenty() *counter {
	return &counter{r: io.LimitReader(rand.NewChaCha8([32]byte{}), 512<<20)}
}

func free(t testing.TB, dir string) int64 {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	return int64(fs.Bavail) * fs.Bsize
}

func TestFloorOfFreeSpace(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		minFree, size, mayRead int64
	}{
		"already below":               {math.MaxInt64, storage.Unknown, 0},
		"below by what is announced":  {1 << 20, math.MaxInt64 - 1<<20, 0},
		"below by what has come":      {free(t, dir) - 24<<20, storage.Unknown, 256 << 20},
		"below by an impossible size": {0, math.MaxInt64, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, dir, filestorage.Options{MinFree: c.minFree})
			r := plenty()
			_, err := s.Put(t.Context(), storage.Finished, "a", r, storage.PutOptions{Size: c.size})
			if f := fault.From(err); !errors.Is(err, storage.ErrNoSpace) || !strings.Contains(f.Detail, "free") {
				t.Errorf("got the error %v", err)
			}
			if r.n > c.mayRead {
				t.Errorf("%d bytes were read", r.n)
			}
			if n := files(t, dir); n != 0 {
				t.Errorf("%d files were left over", n)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// limited is a directory in which a file of n bytes does not fit: a disk that
// small or, where none can be mounted, under a limit of the process.
func limited(t *testing.T, n uint64) string {
	t.Helper()
	dir := t.TempDir()
	if mountTiny(dir) {
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		return dir
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_FSIZE, &before) })
	return dir
}

// mountTiny mounts for this thread alone, which ends with the test.
func mountTiny(dir string) bool {
	runtime.LockOSThread()
	if unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS) != nil || unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") != nil {
		return false
	}
	if unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m") != nil {
		return false
	}
	if os.WriteFile(filepath.Join(dir, "probe"), nil, 0o644) != nil || unix.Setxattr(filepath.Join(dir, "probe"), "user.a", []byte("b"), 0) != nil {
		unix.Unmount(dir, unix.MNT_DETACH) // a tmpfs before Linux 6.6
		return false
	}
	return true
}

func TestFullDisk(t *testing.T) {
	dir := limited(t, 1<<20)
	s := open(t, dir, filestorage.Options{})
	put(t, s, "old", "old")
	for _, key := range []string{"new", "old"} {
		_, err := s.Put(t.Context(), storage.Finished, key, io.LimitReader(plenty(), 2<<20), storage.PutOptions{Size: storage.Unknown})
		if !errors.Is(err, storage.ErrNoSpace) {
			t.Errorf("got the error %v", err)
		}
		if n := files(t, dir); n != 1 {
			t.Errorf("%d files, want 1", n)
		}
	}
	if got := read(t, s, "old"); got != "old" {
		t.Errorf("the old version is %q", got)
	}
	put(t, s, "small", strings.Repeat("x", 100_000)) // there is room again
}

// TestReadOnly gives up, for this thread, the right of root to write anywhere.
func TestReadOnly(t *testing.T) {
	runtime.LockOSThread() // for good: the thread ends with the test
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	put(t, s, "a", "x")
	finished := filepath.Join(dir, "finished")
	if err := os.Chmod(finished, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(finished, 0o700) })
	header, none := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	_, err := s.Put(t.Context(), storage.Finished, "b", strings.NewReader("x"), storage.PutOptions{Size: 1})
	if !errors.Is(err, filestorage.ErrReadOnly) {
		t.Errorf("Put gives the error %v", err)
	}
	if err := s.Delete(t.Context(), storage.Finished, "a"); !errors.Is(err, filestorage.ErrReadOnly) {
		t.Errorf("Delete gives the error %v", err)
	}
	if read(t, s, "a") != "x" {
		t.Error("what is there cannot be read")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := filestorage.Open(dir, filestorage.Options{}, nil); err == nil || !strings.Contains(err.Error(), "storage: the directory "+finished+" cannot be written") {
		t.Errorf("Open gives the error %v", err)
	}
}
