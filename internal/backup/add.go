package backup

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// ErrSource marks what is wrong with an image that is being copied, and not
// with the backup.
var ErrSource = errors.New("the image cannot be copied")

// Add copies an image's bytes, unless they are there. ErrSource is the image's
// fault: its bytes cannot be read, or are not those of its digest.
func (d *Dir) Add(ctx context.Context, o storage.Object) error {
	want, ok := parseDigest(o.SHA256)
	if !ok {
		return fmt.Errorf("%w: it has no SHA-256", ErrSource)
	}
	if d.pool.holds(o.SHA256, o.Size) {
		return nil
	}
	path := d.pool.file(want)
	if !leftOver(path, want, o.Size) {
		if err := d.pool.copy(ctx, path, want, o); err != nil {
			return err
		}
	}
	d.pool.know(o.Info)
	return nil
}

// leftOver says whether an interrupted backup has left these bytes, whole.
func leftOver(path string, want digest, size int64) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != size {
		return false
	}
	if forget(path) != nil {
		return false
	}
	got, err := measure(path)
	return err == nil && got.SHA256 == want.String()
}

// forget has the next reader of a file get its bytes from the disk: where a sync
// has failed, memory may have what the disk has not.
func forget(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // what is not written yet would stay
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

func (p *pool) copy(ctx context.Context, path string, want digest, o storage.Object) error {
	draft := filepath.Join(p.path, draftPrefix+rand.Text())
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return DiskFault(err)
	}
	err = errors.Join(fill(ctx, f, want, o), f.Close())
	if err == nil {
		err = publish(draft, path)
	}
	if err != nil {
		return errors.Join(DiskFault(err), os.Remove(draft))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.copied++
	p.copiedBytes += o.Size
	return nil
}

// cloner is a body whose blocks another file can share.
type cloner interface{ CloneTo(f *os.File) error }

// fill writes the bytes into an empty file, or has it share them, and compares
// what is in it with the digest.
func fill(ctx context.Context, f *os.File, want digest, o storage.Object) error {
	sum := sha256.New()
	from := &source{ended: ctx.Err, r: o.Body}
	var to io.Writer = io.MultiWriter(f, sum)
	if c, ok := o.Body.(cloner); ok && c.CloneTo(f) == nil {
		from.r, to = f, sum
	}
	n, err := io.CopyBuffer(to, from, make([]byte, copyBuffer))
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case from.err != nil:
		return fmt.Errorf("%w: %w", ErrSource, from.err)
	case err != nil:
		return err
	case n != o.Size || digest(sum.Sum(nil)) != want:
		return fmt.Errorf("%w: its bytes are not those that it was stored with", ErrSource)
	}
	return nil
}

const copyBuffer = 256 << 10

// source remembers its own error, and ends with its context. It hides what
// else the reader can do, which would hide the error.
type source struct {
	ended func() error // the context's
	r     io.Reader
	err   error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if err := s.ended(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func publish(draft, path string) error {
	err := os.Rename(draft, path)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		err = os.Rename(draft, path)
	}
	return err
}
