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

// diskFault gives the errors of a disk that a caller may be told of their
// faults. Any other is returned as it is.
func diskFault(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG): // EFBIG: ulimit -f
		return storage.ErrNoSpace.Because(err)
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return ErrReadOnly.Because(err)
	}
	return err
}
