package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// Set is a complete backup that is read.
type Set struct {
	Manifest
	path string
}

// Load reads a backup and checks the databases and the list by their digests.
// ErrNone means that no backup was ever complete, ErrIncomplete names what is
// missing.
func Load(path string) (*Set, error) {
	m, err := readManifest(path)
	if err != nil {
		return nil, err
	}
	s := &Set{m, path}
	for _, p := range []*Part{m.KV, m.Taskdb, m.Images} {
		if p == nil {
			continue
		}
		if err := p.verify(path); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// maxNamed is how many of the missing images are named.
const maxNamed = 20

// Complete is ErrIncomplete unless every image has a file of its size; their
// digests are computed when they are read.
func (s *Set) Complete() error {
	var faults []error
	var count int64
	for i, err := range s.Images() {
		if err != nil {
			return err
		}
		count++
		if f, err := s.open(i); err != nil {
			faults = append(faults, err)
		} else {
			f.Close()
		}
	}
	if count != s.Count {
		faults = append(faults, ErrIncomplete.Detailf("the list has %d images and not %d", count, s.Count))
	}
	if more := len(faults) - maxNamed; more > 0 {
		faults = append(faults[:maxNamed], ErrIncomplete.Detailf("and %d more", more))
	}
	return errors.Join(faults...)
}

// block is what a file's space is counted in, in bytes.
const block = 4096

// Size is how much space a restore takes, in bytes: the databases and those
// images whose bytes are there.
func (s *Set) Size() (bytes int64) {
	add := func(n int64) { bytes += (n + block - 1) / block * block }
	for _, p := range []*Part{s.KV, s.Taskdb} {
		if p != nil {
			add(p.Size)
		}
	}
	for i, err := range s.Images() {
		if err != nil {
			break // the restore says it
		}
		if f, err := s.open(i); err == nil {
			add(i.Size)
			f.Close()
		}
	}
	return bytes
}

// Images gives all images of the backup.
func (s *Set) Images() iter.Seq2[storage.Info, error] {
	if s.Manifest.Images == nil {
		return func(func(storage.Info, error) bool) {}
	}
	return readList(filepath.Join(s.path, s.Manifest.Images.File))
}

// Open opens an image's bytes, which the caller compares with the digest. Those
// that the disk does not give are ErrIncomplete.
func (s *Set) Open(i storage.Info) (io.ReadCloser, error) {
	f, err := s.open(i)
	if err != nil {
		return nil, err
	}
	return &imageBytes{f, i}, nil
}

type imageBytes struct {
	file *os.File
	of   storage.Info
}

// Read implements io.Reader.
func (b *imageBytes) Read(p []byte) (int, error) {
	n, err := b.file.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = ErrIncomplete.Detailf("the bytes of %s/%s cannot be read", b.of.State, b.of.Key).Because(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *imageBytes) Close() error { return b.file.Close() }

func (s *Set) open(i storage.Info) (*os.File, error) {
	d, ok := parseDigest(i.SHA256)
	if !ok {
		return nil, ErrIncomplete.Detailf("%s/%s has no digest in the list", i.State, i.Key)
	}
	f, err := os.OpenFile((&pool{path: filepath.Join(s.path, poolName)}).file(d), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, ErrIncomplete.Detailf("the bytes of %s/%s are missing", i.State, i.Key).Because(err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() != i.Size {
		f.Close()
		return nil, ErrIncomplete.Detailf("the bytes of %s/%s are damaged", i.State, i.Key)
	}
	return f, nil
}

// Copy copies a part to a new file, durably but for its name.
func (s *Set) Copy(p *Part, to string) error {
	from, err := os.Open(filepath.Join(s.path, p.File))
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	digest := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, digest), from)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", p.File, err)
	}
	if hex.EncodeToString(digest.Sum(nil)) != p.SHA256 {
		return ErrIncomplete.Detailf("%s is damaged", p.File)
	}
	return nil
}
