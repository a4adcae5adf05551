package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"minilab/internal/storage"
)

const (
	poolName    = "images"
	draftPrefix = ".tmp-"
)

// digest is a SHA-256. It is kept for every image: 32 bytes, not 64 digits.
type digest [sha256.Size]byte

func parseDigest(hexDigits string) (d digest, ok bool) {
	n, err := hex.Decode(d[:], []byte(hexDigits))
	return d, err == nil && n == len(d) && len(hexDigits) == 2*len(d)
}

func (d digest) String() string { return hex.EncodeToString(d[:]) }

// pool is the folder of bytes.
type pool struct {
	path string

	mu    sync.Mutex
	known map[digest]int64 // sizes of what is there for certain
	used  map[digest]struct{}

	copied, copiedBytes int64
}

func newPool(path string) *pool {
	return &pool{path: path, known: map[digest]int64{}, used: map[digest]struct{}{}}
}

func (p *pool) file(d digest) string {
	name := d.String()
	return filepath.Join(p.path, name[:2], name)
}

// know is told of bytes that a complete backup has.
func (p *pool) know(i storage.Info) {
	if d, ok := parseDigest(i.SHA256); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.known[d] = i.Size
	}
}

func (p *pool) use(sha256 string) {
	if d, ok := parseDigest(sha256); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.used[d] = struct{}{}
	}
}

// holds looks at the file too: a hand may have removed it.
func (p *pool) holds(sha256 string, size int64) bool {
	d, ok := parseDigest(sha256)
	if !ok {
		return false
	}
	p.mu.Lock()
	have, known := p.known[d]
	p.mu.Unlock()
	if !known || have != size {
		return false
	}
	info, err := os.Lstat(p.file(d))
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// prune removes what the backup does not use.
func (p *pool) prune() error {
	folders, err := os.ReadDir(p.path)
	if err != nil {
		return err
	}
	var faults []error
	for _, e := range folders {
		switch {
		case strings.HasPrefix(e.Name(), draftPrefix):
			faults = append(faults, os.Remove(filepath.Join(p.path, e.Name())))
		case e.IsDir() && len(e.Name()) == 2:
			faults = append(faults, p.pruneFolder(filepath.Join(p.path, e.Name())))
		}
	}
	return errors.Join(faults...)
}

func (p *pool) pruneFolder(path string) error {
	files, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	var faults []error
	for _, f := range files {
		d, ok := parseDigest(f.Name())
		if _, used := p.used[d]; ok && !used {
			faults = append(faults, os.Remove(filepath.Join(path, f.Name())))
		}
	}
	return errors.Join(faults...)
}
