package uploads

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/storage"
)

// Faults of a request of the protocol.
var (
	ErrVersion     = fault.New(fault.Stale, "unsupported-tus-version", "the header Tus-Resumable is to be 1.0.0")
	ErrLength      = fault.New(fault.Invalid, "invalid-upload-length", "Upload-Length is to be the number of bytes, or Upload-Defer-Length 1")
	ErrOffset      = fault.New(fault.Invalid, "invalid-upload-offset", "Upload-Offset is to be the number of bytes that have come before")
	ErrMetadata    = fault.New(fault.Invalid, "invalid-upload-metadata", "Upload-Metadata is names with their values in base64, separated by commas")
	ErrMoved       = fault.New(fault.Conflict, "offset-mismatch", "the upload is not at this offset; ask for it with HEAD")
	ErrType        = fault.New(fault.Unsupported, "unsupported-media-type", "the body is to be application/offset+octet-stream")
	ErrTooLong     = fault.New(fault.TooLarge, "upload-size-exceeded", "more bytes have come than the upload has")
	ErrConcat      = fault.New(fault.Invalid, "invalid-upload-concat", "Upload-Concat is partial, or final; and the paths of finished uploads")
	ErrFinal       = fault.New(fault.Forbidden, "final-upload", "an upload that was put together of others has all its bytes")
	ErrBusy        = fault.New(fault.Conflict, "upload-busy", "another request is at work on the upload; try again")
	ErrInterrupted = fault.New(fault.Conflict, "upload-interrupted", "another request for the upload has come, which goes first")
	ErrStalled     = fault.New(fault.Unavailable, "upload-stalled", "the bytes have stopped coming; ask for the offset and go on")
	ErrAlgorithm   = fault.New(fault.Invalid, "invalid-checksum", "Upload-Checksum is sha1, sha256 or md5, a space and the digest in base64")
)

// tusd's own errors, by their codes.
var tusdFaults = map[string]*fault.Fault{
	"ERR_UNSUPPORTED_VERSION":     ErrVersion,
	"ERR_MAX_SIZE_EXCEEDED":       fault.ErrTooLarge,
	"ERR_INVALID_CONTENT_TYPE":    ErrType,
	"ERR_INVALID_UPLOAD_LENGTH":   ErrLength,
	"ERR_INVALID_OFFSET":          ErrOffset,
	"ERR_UPLOAD_NOT_FOUND":        ErrNotFound,
	"ERR_LOCK_TIMEOUT":            ErrBusy,
	"ERR_MISMATCHED_OFFSET":       ErrMoved,
	"ERR_UPLOAD_SIZE_EXCEEDED":    ErrTooLong,
	"ERR_UPLOAD_NOT_FINISHED":     ErrUnfinished,
	"ERR_INVALID_CONCAT":          ErrConcat,
	"ERR_MODIFY_FINAL":            ErrFinal,
	"ERR_AMBIGUOUS_UPLOAD_LENGTH": ErrLength,

	"ERR_INVALID_UPLOAD_LENGTH_DEFER": ErrLength,

	"ERR_UPLOAD_INTERRUPTED": ErrInterrupted,
	"ERR_UNEXPECTED_EOF":     httpx.ErrBodyCut,
	"ERR_CONNECTION_RESET":   httpx.ErrBodyCut,
	"ERR_READ_TIMEOUT":       ErrStalled,

	"method not allowed": httpx.ErrMethod,
}

// faultOf is the fault of an answer by tusd, "CODE: message\n".
func faultOf(status int, text string) error {
	code, _, _ := strings.Cut(strings.TrimSpace(text), ":")
	if f, ok := tusdFaults[code]; ok {
		return f
	}
	if status == fault.Method.Status() {
		return httpx.ErrMethod
	}
	return fault.ErrInternal.Because(errors.New(text))
}

// diskFault gives the errors of a disk their faults; nil stays nil.
func diskFault(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		return storage.ErrNoSpace.Because(err)
	case errors.Is(err, unix.EIO), errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return ErrDisk.Because(err)
	}
	return err
}
