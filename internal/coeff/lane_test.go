package coeff

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

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
