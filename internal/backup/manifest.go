package backup

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"minilab/internal/dirlock"
	"minilab/internal/storage"
)

const (
	manifestName = "backup.json"
	format       = 1
)

// maxManifest bounds what is read of a manifest, in bytes: millions of tasks
// that were deleted meanwhile.
const maxManifest = 256 << 20

// Manifest says what belongs to a backup. A part that the data folder did not
// hold is nil.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"minilab"` // that made it
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended"`

	KV     *Part `json:"kv,omitempty"`
	Taskdb *Part `json:"taskdb,omitempty"`
	// Identity tells the task database from others. Old ones have none.
	Identity string `json:"identity,omitempty"`

	Images *Part `json:"images,omitempty"` // the list
	Count  int64 `json:"count"`            // of images
	Bytes  int64 `json:"bytes"`            // of images

	Dropped []string  `json:"dropped,omitempty"` // tasks of the snapshot that were deleted meanwhile
	Damaged []Damaged `json:"damaged,omitempty"` // images that could not be copied
	Absent  []Damaged `json:"absent,omitempty"`  // images that never were: tasks made by hand
}

// Damaged is an image that a backup does not have.
type Damaged struct {
	State  storage.State `json:"state"`
	Key    string        `json:"key"`
	Task   string        `json:"task,omitempty"`
	Reason string        `json:"reason"`
}

// String names the image and what is wrong with it.
func (d Damaged) String() string { return fmt.Sprintf("%s/%s: %s", d.State, d.Key, d.Reason) }

// Part is a file of the backup.
type Part struct {
	File   string `json:"file"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// newID is no other backup's, and sorts by time for who looks at the folder.
func newID(now time.Time) string {
	return now.UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:8])
}

// readManifest is ErrNone where there is none.
func readManifest(dir string) (Manifest, error) {
	f, err := os.Open(filepath.Join(dir, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return Manifest{}, ErrNone.Detailf("there is no complete backup in %s", dir)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	var m Manifest
	if err := json.NewDecoder(io.LimitReader(f, maxManifest)).Decode(&m); err != nil {
		return Manifest{}, ErrIncomplete.Detailf("%s is damaged: %v", f.Name(), err)
	}
	if m.Format < 1 {
		return Manifest{}, ErrForeign.Detailf("%s is not minilab's; choose a folder of its own for the backup", f.Name())
	}
	if m.Format > format {
		return Manifest{}, ErrNewer.Detailf("%s was made by a newer minilab (%s)", dir, m.Version)
	}
	return m, nil
}

// measure makes the part of a file that is complete.
func measure(path string) (*Part, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	digest := sha256.New()
	n, err := io.Copy(digest, f)
	if err != nil {
		return nil, err
	}
	return &Part{File: filepath.Base(path), Size: n, SHA256: hex.EncodeToString(digest.Sum(nil))}, nil
}

// verify is ErrIncomplete unless the file is there and as it was.
func (p *Part) verify(dir string) error {
	if p.File != filepath.Base(p.File) {
		return ErrIncomplete.Detailf("%s names the file %q", manifestName, p.File)
	}
	got, err := measure(filepath.Join(dir, p.File))
	if errors.Is(err, os.ErrNotExist) {
		return ErrIncomplete.Detailf("%s is missing", p.File)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if *got != *p {
		return ErrIncomplete.Detailf("%s is damaged", p.File)
	}
	return nil
}

// replace puts a file into the place of another as a whole, durably.
func replace(path string, data []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(data))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return dirlock.SyncDir(filepath.Dir(path))
}
