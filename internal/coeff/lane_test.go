package coeff

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func opened(t *testing.T, data []byte) *Image {
	t.Helper()
	i, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// tried is what becomes of an image.
func tried(t *testing.T, i *Image, o Order, portable bool) ([]byte, error) {
	t.Helper()
	fd, err := unix.MemfdCreate("result", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "result")
	defer f.Close()
	if err := i.write(fd, 1<<30, o, portable); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	return io.ReadAll(f)
}

// both is what the processor's own kernel and the portable one make of an order:
// the same.
func both(t *testing.T, i *Image, o Order) []byte {
	t.Helper()
	own, err := same(t, i, o)
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// same is what both kernels make or say.
func same(t *testing.T, i *Image, o Order) ([]byte, error) {
	t.Helper()
	own, err := tried(t, i, o, false)
	portable, other := tried(t, i, o, true)
	if !bytes.Equal(own, portable) || !errors.Is(other, err) {
		t.Fatal("the portable kernel gives other bytes")
	}
	return own, err
}

// TestSides: an image is as large as libjpeg takes one.
func TestSides(t *testing.T) {
	source := photo(t, 1, 1, plain)
	frame := bytes.Index(source, []byte{0xff, 0xc0})
	for _, at := range []int{frame + 5, frame + 7} { // of the height and the width
		for side, want := range map[int]error{65500: nil, 65501: ErrStrange, 65535: ErrStrange} {
			data := slices.Replace(bytes.Clone(source), at, at+2, byte(side>>8), byte(side))
			if _, err := Open(data); !errors.Is(err, want) {
				t.Errorf("a side of %d pixels: %v, want %v", side, err, want)
			}
		}
	}
}
