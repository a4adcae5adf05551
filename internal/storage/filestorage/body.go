package filestorage

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// body is a part of a file being read.
type body struct {
	file *os.File
	rest io.LimitedReader
}

func newBody(f *os.File, length int64) *body {
	return &body{file: f, rest: io.LimitedReader{R: f, N: length}}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.rest.Read(p)
	if errors.Is(err, io.EOF) {
		return n, b.end()
	}
	return n, err
}

// WriteTo implements io.WriterTo: io.Copy of a limited *os.File is what the
// net package turns into sendfile.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, &b.rest)
	if err == nil && b.rest.N > 0 {
		err = b.end()
	}
	return n, err
}

// end is io.EOF only when all bytes have come: somebody may have truncated the
// file by hand.
func (b *body) end() error {
	if b.rest.N > 0 {
		return storage.ErrCorrupt.Detailf("the image has %d bytes less than it should", b.rest.N)
	}
	return io.EOF
}

// Close implements io.Closer.
func (b *body) Close() error { return b.file.Close() }

// CloneTo makes an empty file share the whole image's blocks, where the file
// system can and both are on the same one; otherwise it is an error and nothing
// has changed.
func (b *body) CloneTo(f *os.File) error {
	return unix.IoctlFileClone(int(f.Fd()), int(b.file.Fd()))
}
