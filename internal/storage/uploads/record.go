package uploads

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tus/tusd/v2/pkg/handler"

	"minilab/internal/dirlock"
)

// record is what is kept of an upload beside its bytes.
type record struct {
	Info     handler.FileInfo `json:"upload"`
	Owner    string           `json:"owner"`
	MaxBytes int64            `json:"maxBytes,omitempty"`

	// Task is what was made of the bytes, which are not kept any more.
	Task string `json:"task,omitempty"`

	// Verified is, while bytes come that have a checksum, the offset from which
	// on nothing counts yet.
	Verified *int64 `json:"verified,omitempty"`
}

const (
	recordSuffix = ".json"
	draftSuffix  = ".tmp"
)

func (s *store) bytesPath(id string) string  { return filepath.Join(s.dir, id) }
func (s *store) recordPath(id string) string { return filepath.Join(s.dir, id+recordSuffix) }

// write replaces the record durably. Whoever holds the upload's lock writes.
func (s *store) write(r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	draft := s.recordPath(r.Info.ID) + draftSuffix
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return diskFault(err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(draft, s.recordPath(r.Info.ID))
	}
	if err != nil {
		return diskFault(errors.Join(err, os.Remove(draft)))
	}
	return diskFault(dirlock.SyncDir(s.dir))
}

// read is ErrNotFound where there is no record.
func (s *store) read(id string) (record, error) {
	if !validID(id) {
		return record{}, ErrNotFound
	}
	text, err := os.ReadFile(s.recordPath(id))
	if errors.Is(err, os.ErrNotExist) {
		return record{}, ErrNotFound
	}
	var r record
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return record{}, fmt.Errorf("upload %s: %w", id, err)
	}
	return r, nil
}

// erase removes an upload durably, first what makes it one.
func (s *store) erase(id string) error {
	for _, path := range []string{s.recordPath(id), s.bytesPath(id)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return diskFault(err)
		}
	}
	s.forget(id)
	return diskFault(dirlock.SyncDir(s.dir))
}
