package filestorage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/dirlock"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
)

const (
	id      = "0198c0de-7a11-7000-8000-5ca1ab1e0001.3"
	png     = "\x89PNG\r\n\x1a\n and more"
	longKey = "long/" // and so on
)

func put(t testing.TB, s storage.Store, key, data string) storage.Info {
	t.Helper()
	info, err := s.Put(t.Context(), storage.Finished, key, strings.NewReader(data), storage.PutOptions{Size: int64(len(data)), ContentType: "image/x-test"})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func read(t testing.TB, s storage.Store, key string) string {
	t.Helper()
	obj, err := s.Get(t.Context(), storage.Finished, key, storage.Part{})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Body.Close()
	data, err := io.ReadAll(obj.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func listed(t testing.TB, s storage.Store) []string {
	t.Helper()
	page, err := s.List(t.Context(), storage.Finished, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, info := range page.Infos {
		keys = append(keys, info.Key)
	}
	return keys
}

func write(t testing.TB, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFileIsTheImage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "data")
	put(t, open(t, dir, filestorage.Options{}), id, png)
	path := filepath.Join(dir, "finished", id)
	if data, err := os.ReadFile(path); err != nil || string(data) != png {
		t.Errorf("the file has %q, %v", data, err)
	}
	text := make([]byte, 1000)
	n, err := unix.Getxattr(path, "user.minilab", text)
	if err != nil {
		t.Fatal(err)
	}
	var attribute map[string]any
	if err := json.Unmarshal(text[:n], &attribute); err != nil || attribute["size"] != float64(len(png)) || attribute["contentType"] != "image/x-test" {
		t.Errorf("the attribute is %s, %v", text[:n], err)
	}
}

func TestReopened(t *testing.T) {
	dir, key := t.TempDir(), longKey+strings.Repeat("X", 400)
	s := open(t, dir, filestorage.Options{})
	want := []storage.Info{put(t, s, id, png), put(t, s, key, "data")}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, filestorage.Options{})
	for _, info := range want {
		if got, err := s.Stat(t.Context(), storage.Finished, info.Key); err != nil || got != info {
			t.Errorf("got %+v, %v; want %+v", got, err, info)
		}
	}
}

func TestTwoStoresOnOneDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	if _, err := filestorage.Open(dir, filestorage.Options{}, nil); !errors.Is(err, dirlock.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("the second store gets the error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, filestorage.Options{})
}

func TestDirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	blocked := t.TempDir()
	write(t, filepath.Join(blocked, "finished"), "")
	for _, dir := range []string{"/proc/minilab/data", file, filepath.Join(file, "data"), blocked} {
		s, err := filestorage.Open(dir, filestorage.Options{}, nil)
		if s != nil || err == nil || !strings.Contains(err.Error(), "storage: the directory "+dir) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got the error %v", dir, err)
		}
	}
	os.Remove(filepath.Join(blocked, "finished"))
	open(t, blocked, filestorage.Options{}) // and the failure gave the lock back
}

// TestWhatIsNotOurs leaves alone what no Put made, except what a crashed one
// left over.
func TestWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	finished := filepath.Join(dir, "finished")
	for _, path := range []string{".tmp-LEFTOVER", "README.TXT", "a b.txt", "folder/file"} {
		write(t, filepath.Join(finished, path), "x")
	}
	write(t, filepath.Join(dir, "inProgress", ".tmp-1"), "x")
	write(t, filepath.Join(dir, ".tmp-of-somebody"), "x")
	if err := os.Symlink("/etc/passwd", filepath.Join(finished, "link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(finished, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(finished, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	s := open(t, dir, filestorage.Options{})
	put(t, s, id, png)
	if got := listed(t, s); !slices.Equal(got, []string{id}) {
		t.Errorf("listed are %q", got)
	}
	for _, key := range []string{"folder", "link", "fifo", "socket", "README.TXT", ".tmp-LEFTOVER"} {
		if _, err := s.Stat(t.Context(), storage.Finished, key); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: got the error %v", key, err)
		}
	}
	for path, want := range map[string]bool{
		"finished/.tmp-LEFTOVER": false, "inProgress/.tmp-1": false, "finished/README.TXT": true, "finished/folder/file": true, ".tmp-of-somebody": true,
	} {
		if _, err := os.Lstat(filepath.Join(dir, path)); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCopiedIn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	path := filepath.Join(dir, "finished", "holiday.png")
	attribute := func() error {
		_, err := unix.Getxattr(path, "user.minilab", make([]byte, 1000))
		return err
	}
	write(t, path, png[:12])
	if read(t, s, "holiday.png") != png[:12] || !errors.Is(attribute(), unix.ENODATA) {
		t.Errorf("a file that may still be written to got an attribute: %v", attribute())
	}
	write(t, path, png) // the copying goes on
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	page, err := s.List(t.Context(), storage.Finished, "", 0)
	if err != nil || len(page.Infos) != 1 {
		t.Fatalf("listed are %v, %v", page, err)
	}
	want := put(t, s, "put.png", png)
	got := page.Infos[0]
	if got.SHA256 != want.SHA256 || got.Size != want.Size || got.ContentType != "image/png" || !got.Modified.Equal(old) {
		t.Errorf("got %+v", got)
	}
	if err := attribute(); err != nil {
		t.Errorf("the attribute was not written: %v", err)
	}
	if read(t, s, "holiday.png") != png {
		t.Error("the bytes are not those that were copied in")
	}
}

func TestCopiedInUnderAHash(t *testing.T) {
	dir, key := t.TempDir(), longKey+strings.Repeat("X", 400)
	s := open(t, dir, filestorage.Options{})
	put(t, s, key, png)
	paths, _ := filepath.Glob(filepath.Join(dir, "finished", "~*"))
	if len(paths) != 1 {
		t.Fatalf("the files are %q", paths)
	}
	if err := unix.Removexattr(paths[0], "user.minilab"); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(paths[0], old, old); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, s); len(got) != 0 {
		t.Errorf("listed are %q, of which nobody can know", got)
	}
	if read(t, s, key) != png {
		t.Error("who knows the key does not get the bytes")
	}
	if got := listed(t, s); !slices.Equal(got, []string{key}) {
		t.Errorf("listed are %q once the key is known again", got)
	}
}

func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	for key, damage := range map[string]func(path string) error{
		"shorter":   func(path string) error { return os.Truncate(path, 5) },
		"longer":    func(path string) error { return os.Truncate(path, 500) },
		"attribute": func(path string) error { return unix.Setxattr(path, "user.minilab", []byte("{"), 0) },
	} {
		put(t, s, key, png)
		if err := damage(filepath.Join(dir, "finished", key)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), storage.Finished, key, storage.Part{}); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s: Get gives the error %v", key, err)
		}
		if _, err := s.Stat(t.Context(), storage.Finished, key); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s: Stat gives the error %v", key, err)
		}
	}
	put(t, s, "whole", png)
	if got := listed(t, s); !slices.Equal(got, []string{"attribute", "longer", "shorter", "whole"}) {
		t.Errorf("listed are %q", got)
	}
	for _, key := range listed(t, s) {
		if err := s.Delete(t.Context(), storage.Finished, key); err != nil {
			t.Errorf("%s cannot be deleted: %v", key, err)
		}
	}
}

// TestDamageIsCounted counts each finding, and none where all is well.
func TestDamageIsCounted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	put(t, s, "well", png)
	put(t, s, "flipped", png)
	damage(t, filepath.Join(dir, "finished", "flipped"))
	read(t, s, "well")
	if n := s.Damaged(); n != 0 {
		t.Errorf("%d findings in an image that is well", n)
	}
	for range 2 {
		if _, err := s.Get(t.Context(), storage.Finished, "flipped", storage.Part{}); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("got the error %v", err)
		}
	}
	if n := s.Damaged(); n != 2 {
		t.Errorf("%d findings of 2", n)
	}
}

func TestTruncatedWhileRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestorage.Options{})
	put(t, s, id, strings.Repeat("x", 1000))
	for _, way := range []func(storage.Object) error{
		func(o storage.Object) error { _, err := io.Copy(io.Discard, o.Body); return err },
		func(o storage.Object) error { _, err := io.ReadAll(o.Body); return err },
	} {
		obj, err := s.Get(t.Context(), storage.Finished, id, storage.Part{Length: 900})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "finished", id)
		if err := os.Truncate(path, 500); err != nil {
			t.Fatal(err)
		}
		if err := way(obj); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("got the error %v", err)
		}
		obj.Body.Close()
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
	}
}

// socket notes what it is told to send.
type socket struct {
	bytes.Buffer
	file *os.File
}

func (s *socket) ReadFrom(r io.Reader) (int64, error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		s.file, _ = limited.R.(*os.File)
	}
	return s.Buffer.ReadFrom(r)
}

// TestSendfile checks that io.Copy shows a socket a limited *os.File, which is
// what the net package sends by sendfile.
func TestSendfile(t *testing.T) {
	s := open(t, t.TempDir(), filestorage.Options{})
	put(t, s, id, "0123456789")
	obj, err := s.Get(t.Context(), storage.Finished, id, storage.Part{Offset: 2, Length: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Body.Close()
	var to socket
	if n, err := io.Copy(&to, obj.Body); n != 3 || err != nil || to.String() != "234" || to.file == nil {
		t.Errorf("sent %q from %v, %d, %v", to.String(), to.file, n, err)
	}
}
