package filestorage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"minilab/internal/storage"
)

// A draft is a file on its way in, under a name that no key has.
type draft struct {
	folder    *folder
	file      *os.File
	digest    hash.Hash
	size      int64
	reserved  int64    // bytes of the recent ones' room
	memory    *os.File // keeps the bytes besides; nil: nothing does
	published bool
}

// buffers are what bytes pass through on their way in.
var buffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

func (fo *folder) newDraft() (*draft, error) {
	name := filepath.Join(fo.path, draftPrefix+rand.Text())
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
	if err != nil {
		return nil, diskFault(err)
	}
	return &draft{folder: fo, file: f, digest: sha256.New()}, nil
}

// fill reads r to its end. The first failure, be it the reader's, the disk's
// or the caller's who has gone, ends it.
func (d *draft) fill(ctx context.Context, r io.Reader, opts storage.PutOptions) error {
	given, err := d.remember(r, opts.Size)
	if err != nil {
		return err
	}
	if !given {
		if err := d.read(ctx, storage.Exactly(r, opts.Size)); err != nil {
			return err
		}
	}
	if d.memory != nil {
		if err := errors.Join(seal(d.memory), d.pour(ctx, given)); err != nil {
			return err
		}
	}
	if opts.SHA256 != "" && opts.SHA256 != d.sum() {
		return storage.ErrDigest.Detailf("the bytes have the SHA-256 %s, announced was %s", d.sum(), opts.SHA256)
	}
	return nil
}

// read takes in all of r.
func (d *draft) read(ctx context.Context, r io.Reader) error {
	buf := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buf)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, readErr := r.Read(buf[:])
		if err := d.append(buf[:n]); err != nil {
			return err
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			return readErr
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// append writes to memory, if there is some, else to the file.
func (d *draft) append(p []byte) error {
	before, to := d.size, d.file
	if d.memory != nil {
		to = d.memory
	}
	if _, err := to.Write(p); err != nil {
		return diskFault(err)
	}
	d.digest.Write(p)
	d.size += int64(len(p))
	if before/roomEvery == d.size/roomEvery {
		return nil
	}
	return d.folder.room(0)
}

func (d *draft) sum() string { return hex.EncodeToString(d.digest.Sum(nil)) }

// publish gives the draft its name, for good, and says when it was written.
func (d *draft) publish(key, contentType string) (time.Time, error) {
	name := fileName(key)
	a := attribute{Size: d.size, SHA256: d.sum(), ContentType: contentType}
	if isHash(name) {
		a.Key = key
	}
	if err := a.write(d.file); err != nil {
		return time.Time{}, diskFault(err)
	}
	if err := d.file.Sync(); err != nil {
		return time.Time{}, diskFault(err)
	}
	stat, err := d.file.Stat()
	if err != nil {
		return time.Time{}, err
	}
	names := d.folder.names
	begun := names.begun()
	if err := os.Rename(d.file.Name(), filepath.Join(d.folder.path, name)); err != nil {
		return time.Time{}, diskFault(err)
	}
	d.published = true
	if err := names.wait(begun); err != nil {
		return time.Time{}, diskFault(err)
	}
	d.keep(name)
	return stat.ModTime().UTC(), diskFault(d.file.Close())
}

// discard removes a draft that was not published, and what it has kept.
func (d *draft) discard() {
	d.lose()
	_ = d.file.Close() // of a published one again
	if !d.published {
		_ = os.Remove(d.file.Name())
	}
}
