package storage_test

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// TestSealedBodyThatIsMoved: whoever has passed memory can still move the position
// in it, but what is missing then is no end.
func TestSealedBodyThatIsMoved(t *testing.T) {
	for name, read := range map[string]func(io.Reader) (int64, error){
		"read":   func(r io.Reader) (int64, error) { data, err := io.ReadAll(r); return int64(len(data)), err },
		"copied": func(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) },
	} {
		for moved, want := range map[int64]error{0: nil, 2: io.ErrUnexpectedEOF, 9: io.ErrUnexpectedEOF} {
			fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
			if err != nil {
				t.Fatal(err)
			}
			m := os.NewFile(uintptr(fd), "test")
			if _, err := m.WriteAt([]byte("abcdef"), 0); err != nil {
				t.Fatal(err)
			}
			body := storage.SealedBody(m, 6)
			if _, err := m.Seek(moved, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if n, err := read(body); n != max(0, 6-moved) || !errors.Is(err, want) {
				t.Errorf("%s from %d on: %d bytes, %v", name, moved, n, err)
			}
			if err := body.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
