package filestorage

import (
	"errors"

	"golang.org/x/sys/unix"

	"minilab/internal/fault"
	"minilab/internal/storage"
)

// ErrReadOnly is the fault of a directory that was writable at the start and
// is not any more.
var ErrReadOnly = fault.New(fault.Unavailable, "read-only", "the storage cannot write to its directory")

// ErrDisk is the fault of a disk that did not take what it was to keep. It is
// not written again: after an fsync that failed nothing can be said of the same
// bytes any more, so the caller is to send them anew.
var ErrDisk = fault.New(fault.Unavailable, "disk-failed", "the storage's disk failed to write")

// diskFault gives the errors of a disk that a caller may be told of their
// faults. Any other is returned as it is.
func diskFault(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG): // EFBIG: ulimit -f
		return storage.ErrNoSpace.Because(err)
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return ErrReadOnly.Because(err)
	case errors.Is(err, unix.EIO):
		return ErrDisk.Because(err)
	}
	return err
}
