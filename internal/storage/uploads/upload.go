package uploads

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/tus/tusd/v2/pkg/handler"

	"minilab/internal/fault"
)

const (
	chunkSize = 128 << 10
	roomEvery = 8 << 20 // bytes between two looks at the free space
)

// upload is one upload as it was when it was looked up.
type upload struct {
	store *store
	record
}

// finished is ErrUnfinished for what is no whole image.
func (u *upload) finished() error {
	switch {
	case u.Info.IsPartial:
		return ErrUnfinished.Detailf("the upload is a part of another one")
	case u.Info.SizeIsDeferred:
		return ErrUnfinished.Detailf("%d bytes of the upload have come, and nobody has said of how many", u.Info.Offset)
	case u.Info.Offset < u.Info.Size:
		return ErrUnfinished.Detailf("%d of the upload's %d bytes have come", u.Info.Offset, u.Info.Size)
	}
	return nil
}

// become gives the bytes up for a task.
func (u *upload) become(task string) error {
	if u.Task != "" {
		return nil
	}
	u.Task = task
	if err := u.store.write(u.record); err != nil {
		return err
	}
	u.store.close(u.Info.ID)
	return diskFault(os.Remove(u.store.bytesPath(u.Info.ID)))
}

// make creates the files.
func (u *upload) make() error {
	f, err := os.OpenFile(u.store.bytesPath(u.Info.ID), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return diskFault(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return diskFault(err)
	}
	return u.store.write(u.record)
}

// GetInfo implements handler.Upload.
func (u *upload) GetInfo(context.Context) (handler.FileInfo, error) { return u.Info, nil }

// GetReader implements handler.Upload.
func (u *upload) GetReader(context.Context) (io.ReadCloser, error) {
	return os.Open(u.store.bytesPath(u.Info.ID))
}

// FinishUpload implements handler.Upload.
func (*upload) FinishUpload(context.Context) error { return nil }

// Terminate implements handler.TerminatableUpload.
func (u *upload) Terminate(ctx context.Context) error {
	c := callOf(ctx)
	err := c.valid(u.Info.ID)
	if err == nil {
		err = u.store.erase(u.Info.ID)
	}
	return c.failed(err)
}

// DeclareLength implements handler.LengthDeclarableUpload.
func (u *upload) DeclareLength(ctx context.Context, length int64) error {
	c := callOf(ctx)
	return c.failed(u.declare(c, length))
}

func (u *upload) declare(c *call, length int64) error {
	if u.MaxBytes > 0 && length > u.MaxBytes {
		return fault.ErrTooLarge.Detailf("an image has at most %d bytes here", u.MaxBytes)
	}
	if err := c.valid(u.Info.ID); err != nil {
		return err
	}
	u.Info.Size, u.Info.SizeIsDeferred = length, false
	return u.store.write(u.record)
}

// WriteChunk implements handler.Upload.
func (u *upload) WriteChunk(ctx context.Context, offset int64, src io.Reader) (int64, error) {
	c := callOf(ctx)
	n, err := u.append(c, offset, src, c.sum)
	return n, c.failed(err)
}

// append makes src's bytes durable behind the offset. Whatever goes wrong on the
// way, those that have come by then count, unless they had a checksum.
func (u *upload) append(c *call, offset int64, src io.Reader, sum *checksum) (int64, error) {
	if err := c.valid(u.Info.ID); err != nil {
		return 0, err
	}
	if u.Task != "" {
		return 0, ErrMoved
	}
	if err := u.verified(sum, &offset); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(u.store.bytesPath(u.Info.ID), os.O_WRONLY, 0)
	if err != nil {
		return 0, diskFault(err)
	}
	n, err := u.fill(c, f, offset, src, sum)
	return n, errors.Join(err, f.Close())
}

func (u *upload) fill(c *call, f *os.File, offset int64, src io.Reader, sum *checksum) (int64, error) {
	if err := f.Truncate(offset); err != nil { // what lies behind it does not count
		return 0, diskFault(err)
	}
	n, err := u.copy(c, f, offset, src, sum)
	if lost := c.valid(u.Info.ID); lost != nil {
		return 0, lost // nothing more is changed: what was written is found by the next
	}
	if sum != nil && !sum.fits() {
		return 0, errors.Join(ErrChecksum, err, f.Truncate(offset))
	}
	if failed := f.Sync(); failed != nil {
		return 0, diskFault(errors.Join(failed, f.Truncate(offset))) // nobody can say what of it is on the disk
	}
	if sum != nil {
		err = errors.Join(err, u.verified(nil, nil))
	}
	u.Info.Offset = offset + n
	return n, err
}

// verified notes from where on nothing counts yet, before bytes come that have a
// checksum, and that all counts afterwards.
func (u *upload) verified(sum *checksum, offset *int64) error {
	if sum == nil {
		offset = nil
	}
	if offset == nil && u.Verified == nil {
		return nil
	}
	u.Verified = offset
	return u.store.write(u.record)
}

func (u *upload) copy(c *call, f *os.File, offset int64, src io.Reader, sum *checksum) (n int64, err error) {
	buf := make([]byte, chunkSize)
	for {
		got, readErr := src.Read(buf)
		if err := errors.Join(c.valid(u.Info.ID), u.fits(offset+n+int64(got))); err != nil {
			return n, err
		}
		if (n+int64(got))/roomEvery != n/roomEvery || n == 0 {
			if err := u.store.room(int64(got)); err != nil {
				return n, err
			}
		}
		wrote, err := f.WriteAt(buf[:got], offset+n)
		n += int64(wrote)
		if err != nil {
			return n, diskFault(err)
		}
		if sum != nil {
			sum.Write(buf[:got])
		}
		if errors.Is(readErr, io.EOF) {
			return n, nil
		}
		if readErr != nil {
			return n, readErr
		}
	}
}

// fits is a fault for more bytes than there may be: of an upload without a
// length tusd does not look.
func (u *upload) fits(size int64) error {
	switch {
	case !u.Info.SizeIsDeferred && size > u.Info.Size:
		return ErrTooLong.Detailf("the upload has %d bytes", u.Info.Size)
	case u.Info.SizeIsDeferred && u.MaxBytes > 0 && size > u.MaxBytes:
		return fault.ErrTooLarge.Detailf("an image has at most %d bytes here", u.MaxBytes)
	}
	return nil
}

// ConcatUploads implements handler.ConcatableUpload.
func (u *upload) ConcatUploads(ctx context.Context, parts []handler.Upload) error {
	c := callOf(ctx)
	err := u.concat(parts)
	if err != nil {
		err = errors.Join(err, u.store.erase(u.Info.ID)) // it has no name yet
	}
	return c.failed(err)
}

func (u *upload) concat(parts []handler.Upload) error {
	f, err := os.OpenFile(u.store.bytesPath(u.Info.ID), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return diskFault(err)
	}
	defer f.Close()
	for _, part := range parts {
		if err := part.(*upload).appendTo(f); err != nil {
			return diskFault(err)
		}
	}
	return diskFault(f.Sync())
}

func (u *upload) appendTo(f *os.File) error {
	src, err := os.Open(u.store.bytesPath(u.Info.ID))
	if err != nil {
		return err
	}
	defer src.Close()
	n, err := io.Copy(f, src)
	if err == nil && n != u.Info.Size {
		err = ErrUnfinished
	}
	return err
}
