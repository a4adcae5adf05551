package filestorage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// verify is ErrCorrupt unless the file's bytes are those of the SHA-256 that
// was noted when they came. It reads them all before the first one is served:
// an answer that has begun can say nothing any more, and what is read twice
// comes out of memory the second time.
func (s *Store) verify(ctx context.Context, f *os.File, info storage.Info) error {
	buf := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buf)
	digest := sha256.New()
	for at := int64(0); at < info.Size; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := f.ReadAt(buf[:min(int64(len(buf)), info.Size-at)], at)
		digest.Write(buf[:n])
		at += int64(n)
		if err != nil && !errors.Is(err, io.EOF) {
			return readFault(err)
		}
		if n == 0 {
			break // somebody has truncated it by hand
		}
	}
	if sum := hex.EncodeToString(digest.Sum(nil)); sum != info.SHA256 {
		s.foundDamaged(info, errors.New("its SHA-256 is "+sum+", not "+info.SHA256))
		return storage.ErrCorrupt.Detailf("the stored bytes are not those that were put there, and are not served")
	}
	return nil
}

// foundDamaged logs and counts a finding.
func (s *Store) foundDamaged(info storage.Info, how error) {
	s.damaged.Add(1)
	s.log.Error("image is damaged", "state", info.State, "key", info.Key, "error", how)
}

// Damaged is how often damaged bytes were found and not served.
func (s *Store) Damaged() int64 { return s.damaged.Load() }

// readFault gives the error of a disk that cannot be read its fault.
func readFault(err error) error {
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOMEM) {
		return storage.ErrUnreadable.Because(err)
	}
	return err
}
