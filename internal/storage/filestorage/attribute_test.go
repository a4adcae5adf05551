package filestorage

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// TestNoExtendedAttributes uses what no file system of Linux keeps user
// attributes of: a device.
func TestNoExtendedAttributes(t *testing.T) {
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := keepsAttributes(f); err == nil || !strings.Contains(err.Error(), "the file system of /dev keeps no extended attributes") {
		t.Errorf("got the error %v", err)
	}
}

func TestDiskFault(t *testing.T) {
	for errno, want := range map[unix.Errno]error{
		unix.ENOSPC: storage.ErrNoSpace, unix.EDQUOT: storage.ErrNoSpace, unix.EFBIG: storage.ErrNoSpace,
		unix.EROFS: ErrReadOnly, unix.EACCES: ErrReadOnly, unix.EPERM: ErrReadOnly,
	} {
		err := diskFault(&os.PathError{Op: "write", Path: "x", Err: errno})
		if !errors.Is(err, want) || !errors.Is(err, errno) {
			t.Errorf("%v becomes %v", errno, err)
		}
	}
	if err := diskFault(unix.EIO); !errors.Is(err, unix.EIO) {
		t.Errorf("EIO becomes %v", err)
	}
	if diskFault(nil) != nil {
		t.Error("nil becomes a fault")
	}
}
