package engine

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// chunks are what bytes pass through that the kernel cannot copy by itself.
var chunks = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// fill takes at most so many bytes.
func (b *Buffer) fill(r io.Reader, most int64) (int64, error) {
	if part, ok := r.(*io.LimitedReader); ok {
		if from, ok := part.R.(*os.File); ok {
			n, err := b.fillFrom(from, min(part.N, most))
			part.N -= n
			if n > 0 || err == nil {
				return n, err
			}
			// what cannot be copied in that way may be read
		}
	}
	chunk := chunks.Get().(*[128 << 10]byte)
	defer chunks.Put(chunk)
	return io.CopyBuffer(struct{ io.Writer }{b.file}, io.LimitReader(r, most), chunk[:])
}

// fillFrom copies at most so many bytes from where a file is, up to its end.
func (b *Buffer) fillFrom(from *os.File, most int64) (copied int64, err error) {
	err = control(b.file, func(to int) error {
		return control(from, func(fd int) error {
			for copied < most {
				n, err := unix.Sendfile(to, fd, nil, int(min(most-copied, 1<<30)))
				if errors.Is(err, unix.EINTR) {
					continue
				}
				if n <= 0 || err != nil {
					return err
				}
				copied += int64(n)
			}
			return nil
		})
	})
	return copied, err
}
