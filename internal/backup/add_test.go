package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"minilab/internal/storage"
)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// object is an image of these bytes, whose body may be another's.
func object(text string, body io.Reader) storage.Object {
	sum := sha256.Sum256([]byte(text))
	return storage.Object{
		Info: storage.Info{State: storage.Finished, Key: "k", Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:])},
		Body: io.NopCloser(body),
	}
}

// content is what the pool has under the image's digest.
func (d *Dir) content(o storage.Object) string {
	want, _ := parseDigest(o.SHA256)
	data, err := os.ReadFile(d.pool.file(want))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// TestLeftOvers: what an interrupted backup has left is used if it is whole,
// and replaced if it is not, though it has the right size.
func TestLeftOvers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	first := open(t, path)
	for _, text := range []string{"whole", "flips"} {
		if err := first.Add(t.Context(), object(text, strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := parseDigest(object("flips", nil).SHA256)
	if err := errors.Join(os.WriteFile(first.pool.file(want), []byte("flipt"), 0o600), first.Close()); err != nil {
		t.Fatal(err)
	}
	second := open(t, path)
	for _, text := range []string{"whole", "flips"} {
		o := object(text, strings.NewReader(text))
		if second.Holds(o.SHA256, o.Size) {
			t.Errorf("%s is trusted unread", text)
		}
		if err := second.Add(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if got := second.content(o); got != text || !second.Holds(o.SHA256, o.Size) {
			t.Errorf("%s is %q", text, got)
		}
	}
	if n, size := second.Copied(); n != 1 || size != 5 {
		t.Errorf("copied %d, %d bytes", n, size)
	}
	if err := os.Remove(second.pool.file(want)); err != nil { // by a hand
		t.Fatal(err)
	}
	if o := object("flips", nil); second.Holds(o.SHA256, o.Size) {
		t.Error("what is gone is held")
	}
}

// shared is a body on a file system that can share blocks.
type shared struct {
	io.ReadCloser
	blocks string
	err    error
}

// CloneTo does as the file system would.
func (s shared) CloneTo(f *os.File) error {
	if s.err == nil {
		_, err := f.WriteAt([]byte(s.blocks), 0)
		return err
	}
	return s.err
}

// TestSharedBlocks: they are compared with the digest like copied bytes.
func TestSharedBlocks(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "b"))
	for name, c := range map[string]struct {
		blocks, bytes string
		cannot, want  error
	}{
		"shared":     {"shared", "not read", nil, nil},
		"damaged":    {"danaged", "not read", nil, ErrSource},
		"not shared": {"", "not shared", errors.ErrUnsupported, nil},
	} {
		o := object(name, nil)
		o.Body = shared{io.NopCloser(strings.NewReader(c.bytes)), c.blocks, c.cannot}
		err := d.Add(t.Context(), o)
		if !errors.Is(err, c.want) || err == nil && d.content(o) != name {
			t.Errorf("%s: %v, %q", name, err, d.content(o))
		}
	}
}

// TestBytesThatAreNotTheImages: nothing of them stays.
func TestBytesThatAreNotTheImages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	d := open(t, path)
	for name, body := range map[string]io.Reader{
		"other bytes": strings.NewReader("other-bytes"),
		"cut":         strings.NewReader("cu"),
		"longer":      strings.NewReader("longer than it was"),
		"unreadable":  io.MultiReader(bytes.NewReader([]byte("unread")), broken{}),
	} {
		if err := d.Add(t.Context(), object(name, body)); !errors.Is(err, ErrSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(path, poolName))
	if err != nil || len(entries) > 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}

type broken struct{}

// Read implements io.Reader.
func (broken) Read([]byte) (int, error) { return 0, errors.New("input/output error") }
