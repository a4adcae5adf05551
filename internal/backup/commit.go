package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"minilab/internal/fault"
)

// made is the name of a file that backups make in their folder.
var made = regexp.MustCompile(`^((kv|taskdb)\.[0-9a-z-]+\.db(-journal)?|images\.[0-9a-z-]+\.jsonl|backup\.json\.new)$`)

// Commit ends the backup: from now on it is the one that is restored. Of the
// manifest it fills in the files that were made, the counts and the time.
func (d *Dir) Commit(m Manifest) (Manifest, error) {
	if err := d.fill(&m); err != nil {
		return m, DiskFault(err)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	if err := d.syncAll(); err != nil {
		return m, DiskFault(err)
	}
	if err := replace(filepath.Join(d.path, manifestName), text); err != nil {
		return m, DiskFault(err)
	}
	if err := d.prune(m); err != nil {
		return m, fmt.Errorf("the backup is complete, but what it does not need cannot be removed: %w", err)
	}
	return m, nil
}

func (d *Dir) fill(m *Manifest) error {
	if d.list != nil {
		if err := d.list.end(); err != nil {
			return err
		}
		m.Count, m.Bytes = d.list.count, d.list.bytes
	}
	for path, part := range map[string]**Part{
		d.New("kv", "db"): &m.KV, d.New("taskdb", "db"): &m.Taskdb, d.New("images", "jsonl"): &m.Images,
	} {
		got, err := measure(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		*part = got
	}
	m.Format, m.Ended = format, time.Now().UTC()
	return nil
}

// Copied is how many images were copied, and their bytes; the others were in
// the backup before.
func (d *Dir) Copied() (images, bytes int64) { return d.pool.copied, d.pool.copiedBytes }

// prune removes what backups have made and this one does not name.
func (d *Dir) prune(m Manifest) error {
	needed := map[string]bool{}
	for _, p := range []*Part{m.KV, m.Taskdb, m.Images} {
		if p != nil {
			needed[p.File] = true
		}
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	faults := []error{d.pool.prune()}
	for _, e := range entries {
		if made.MatchString(e.Name()) && !needed[e.Name()] {
			faults = append(faults, os.Remove(filepath.Join(d.path, e.Name())))
		}
	}
	return errors.Join(faults...)
}

// DiskFault is fault.ErrNoSpace for a full disk.
func DiskFault(err error) error {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} { // EFBIG: ulimit -f
		if errors.Is(err, full) {
			return fault.ErrNoSpace.Detailf("the disk of the backup is full").Because(err)
		}
	}
	return err
}
