package filestorage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	piece     *[pieceSize]byte
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
	if err := d.remember(r, opts.Size); err != nil {
		return err
	}
	var err error
	switch r = storage.Exactly(r, opts.Size); {
	case d.memory == nil:
		buf := buffers.Get().(*[128 << 10]byte)
		defer buffers.Put(buf)
		err = d.read(ctx, r, buf[:])
	case d.piece != nil:
		if err = d.read(ctx, r, d.piece[:]); err == nil {
			err = storage.Seal(d.memory)
		}
	default:
		err = d.adopt(ctx, opts.Size)
	}
	if err != nil {
		return err
	}
	if opts.SHA256 != "" && opts.SHA256 != d.sum() {
		return storage.ErrDigest.Detailf("the bytes have the SHA-256 %s, announced was %s", d.sum(), opts.SHA256)
	}
	return nil
}

// atOnce is how much is read before it is hashed, while the processor has it at
// hand.
const atOnce = 128 << 10

// read takes in all of r. The file gets it by as much as the buffer takes.
func (d *draft) read(ctx context.Context, r io.Reader, buf []byte) error {
	for at := 0; ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(buf[at:min(at+atOnce, len(buf))])
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return err
		}
		if err := d.take(buf[at : at+n]); err != nil {
			return err
		}
		if at += n; at == len(buf) || end {
			if err := d.write(buf[:at]); err != nil {
				return diskFault(err)
			}
			at = 0
		}
		if end {
			break
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// take notes what has come.
func (d *draft) take(p []byte) error {
	d.digest.Write(p)
	if d.memory != nil {
		if _, err := d.memory.Write(p); err != nil {
			return fmt.Errorf("storage: keep in memory: %w", err)
		}
	}
	before := d.size
	d.size += int64(len(p))
	if before/roomEvery == d.size/roomEvery {
		return nil
	}
	return d.folder.room(0)
}

// write appends to the file.
func (d *draft) write(p []byte) error {
	if d.memory != nil {
		return writeDirect(d.file, p)
	}
	_, err := d.file.Write(p)
	return err
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
