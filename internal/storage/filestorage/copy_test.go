package filestorage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
)

func cp(t testing.TB, s storage.Store, from, to string) storage.Info {
	t.Helper()
	info, err := s.Copy(t.Context(), storage.Finished, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// names is how many names the file of a key has.
func names(t testing.TB, dir, key string) uint64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "finished", key), &stat); err != nil {
		t.Fatal(err)
	}
	return uint64(stat.Nlink) //nolint:unconvert // uint32 on other processors
}

// TestCopyOfOldIsYoung would otherwise be swept as soon as it was made.
func TestCopyOfOldIsYoung(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	put(t, s, "old", png)
	past := time.Now().Add(-1000 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "finished", "old"), past, past); err != nil {
		t.Fatal(err)
	}
	copied := cp(t, s, "old", "new")
	stat, err := s.Stat(t.Context(), storage.Finished, "new")
	if err != nil || stat != copied || time.Since(stat.Modified) > time.Minute {
		t.Errorf("the copy is of %v, %v; Copy said %v", stat.Modified, err, copied.Modified)
	}
}

func TestCopyTakesNoRoom(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	put(t, s, "a", png)
	cp(t, s, "a", "b")
	cp(t, s, "b", "a")
	if n := names(t, dir, "a"); n != 2 {
		t.Errorf("the file has %d names, want 2", n)
	}
	put(t, s, "b", "other")
	if n := names(t, dir, "a"); n != 1 || read(t, s, "a") != png {
		t.Errorf("the file has %d names and %q", n, read(t, s, "a"))
	}
}

// TestCopyOfLongKeysHasOwnBytes: their attribute names the key.
func TestCopyOfLongKeysHasOwnBytes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	long := longKey + strings.Repeat("X", 400)
	put(t, s, "a", png)
	cp(t, s, "a", long)
	cp(t, s, long, "b")
	for _, key := range []string{"a", "b", long} {
		if got := read(t, s, key); got != png {
			t.Errorf("%.10s has %q", key, got)
		}
	}
	if n := names(t, dir, "a") + names(t, dir, "b"); n != 2 {
		t.Errorf("the files have %d names, want one each", n)
	}
}

// TestCopyOfWhatIsStillWritten has bytes of its own: whoever copies a file into
// the folder by hand may not have ended.
func TestCopyOfWhatIsStillWritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	path := filepath.Join(dir, "finished", "a")
	write(t, path, "abc")
	cp(t, s, "a", "b")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("def"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, "b"); got != "abc" {
		t.Errorf("the copy has %q", got)
	}
}

// TestCopyWithoutLinks fills the file's names up, until it can have no other.
func TestCopyWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	put(t, s, "a", png)
	path, aside := filepath.Join(dir, "finished", "a"), t.TempDir()
	full := 0
	for ; full < 200_000; full++ {
		if err := os.Link(path, filepath.Join(aside, strings.Repeat("l", full%200+1)+time.Duration(full).String())); err != nil {
			break
		}
	}
	cp(t, s, "a", "b")
	if read(t, s, "b") != png || names(t, dir, "b") != 1 && full < 200_000 {
		t.Errorf("after %d links the copy has %d names and %q", full, names(t, dir, "b"), read(t, s, "b"))
	}
}
