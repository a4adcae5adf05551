package coeff

import (
	"bytes"
	"os"
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

func altered(t *testing.T, i *Image, o Order, portable bool) []byte {
	t.Helper()
	fd, err := unix.MemfdCreate("result", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "result")
	defer f.Close()
	if err := i.write(fd, 1<<30, o, portable); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// both is what the processor's own kernel and the portable one make of an order:
// the same.
func both(t *testing.T, i *Image, o Order) []byte {
	t.Helper()
	own := altered(t, i, o, false)
	if !bytes.Equal(own, altered(t, i, o, true)) {
		t.Fatal("the portable kernel gives other bytes")
	}
	return own
}
