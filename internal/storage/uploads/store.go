package uploads

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"

	"minilab/internal/dirlock"
	"minilab/internal/fault"
)

// store is tusd's data store. tusd's own one writes its notes over the old ones
// and waits for no disk, so an offset that it has told can be gone after a crash.
type store struct {
	dir  string
	keep time.Duration
	room func(more int64) error // fault.ErrNoSpace when the disk would be too full

	mu   sync.Mutex
	mine map[string]owned // by upload
	open map[string]int   // uploads that are no tasks yet, by owner
}

type owned struct {
	owner string
	open  bool
}

// openStore takes over what is in the folder, which it makes when there is
// none, but what a crash in the middle of making or removing an upload has left.
func openStore(dir string, keep time.Duration, room func(int64) error, log *slog.Logger) (*store, error) {
	if err := dirlock.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("uploads: the directory %s cannot be created: %w", dir, err)
	}
	s := &store{dir: dir, keep: keep, room: room, mine: map[string]owned{}, open: map[string]int{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("uploads: %w", err)
	}
	for _, e := range entries {
		if err := s.adopt(e.Name()); err != nil {
			log.Warn("an upload is left alone", "file", e.Name(), "error", err)
		}
	}
	return s, nil
}

func (s *store) adopt(name string) error {
	path := filepath.Join(s.dir, name)
	id, isRecord := strings.CutSuffix(name, recordSuffix)
	switch {
	case strings.HasSuffix(name, recordSuffix+draftSuffix):
		return os.Remove(path)
	case isRecord && validID(id):
		r, err := s.read(id)
		if err != nil {
			return err
		}
		s.remember(id, r.Owner, r.Task == "")
	case validID(name):
		if _, err := os.Stat(s.recordPath(name)); errors.Is(err, os.ErrNotExist) {
			return os.Remove(path)
		}
	}
	return nil
}

func (s *store) remember(id, owner string, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mine[id] = owned{owner, open}
	if open {
		s.open[owner]++
	}
}

// reserve is ErrTooMany for an owner who has too many uploads, and counts one
// more for any other.
func (s *store) reserve(id, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[owner] >= MaxOpen {
		return ErrTooMany.Detailf("%d uploads are open; make tasks of those that are finished, or end some", MaxOpen).Retry(time.Minute)
	}
	s.mine[id] = owned{owner, true}
	s.open[owner]++
	return nil
}

func (s *store) forget(id string) {
	s.close(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mine, id)
}

// close counts an upload as open no more.
func (s *store) close(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.mine[id]
	if !o.open {
		return
	}
	s.mine[id] = owned{o.owner, false}
	if s.open[o.owner]--; s.open[o.owner] == 0 {
		delete(s.open, o.owner)
	}
}

// check is ErrNotFound unless the owner has such an upload. It reads nothing, so
// that who guesses names disturbs nobody.
func (s *store) check(id, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.mine[id]; !ok || o.owner != owner {
		return ErrNotFound
	}
	return nil
}

func (s *store) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.mine))
	for id := range s.mine {
		ids = append(ids, id)
	}
	return ids
}

// expires is when an upload ends if nothing more comes.
func (s *store) expires(id string) (time.Time, error) {
	stat, err := os.Stat(s.bytesPath(id))
	if errors.Is(err, os.ErrNotExist) {
		stat, err = os.Stat(s.recordPath(id)) // of a task
	}
	if errors.Is(err, os.ErrNotExist) {
		return time.Time{}, ErrNotFound
	}
	if err != nil {
		return time.Time{}, err
	}
	return stat.ModTime().Add(s.keep), nil
}

// NewUpload implements handler.DataStore.
func (s *store) NewUpload(ctx context.Context, info handler.FileInfo) (handler.Upload, error) {
	c := callOf(ctx)
	u, err := s.create(info, c.Call)
	return u, c.failed(err)
}

func (s *store) create(info handler.FileInfo, c Call) (*upload, error) {
	if c.MaxBytes > 0 && info.Size > c.MaxBytes {
		return nil, fault.ErrTooLarge.Detailf("an image has at most %d bytes here", c.MaxBytes)
	}
	if err := s.room(info.Size); err != nil {
		return nil, err
	}
	info.ID = strings.ToLower(rand.Text())
	info.Storage = nil
	if err := s.reserve(info.ID, c.Owner); err != nil {
		return nil, err
	}
	u := &upload{store: s, record: record{Info: info, Owner: c.Owner, MaxBytes: c.MaxBytes}}
	if err := u.make(); err != nil {
		return nil, errors.Join(err, s.erase(info.ID))
	}
	return u, nil
}

// GetUpload implements handler.DataStore.
func (s *store) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	c := callOf(ctx)
	u, err := s.get(id, c.Owner)
	return u, c.failed(err)
}

func (s *store) get(id, owner string) (*upload, error) {
	if err := s.check(id, owner); err != nil {
		return nil, err
	}
	r, err := s.read(id)
	if err != nil {
		return nil, err
	}
	if r.Task != "" {
		r.Info.Offset = r.Info.Size
		return &upload{store: s, record: r}, nil
	}
	if r.Info.Offset, err = s.durable(id); err != nil {
		return nil, err
	}
	if r.Verified != nil {
		r.Info.Offset = min(r.Info.Offset, *r.Verified)
	}
	return &upload{store: s, record: r}, nil
}

// durable is how many bytes there are, once all of them are on the disk: those
// of a process that was killed may not be.
func (s *store) durable(id string) (int64, error) {
	f, err := os.Open(s.bytesPath(id))
	if errors.Is(err, os.ErrNotExist) {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return stat.Size(), diskFault(f.Sync())
}

// AsTerminatableUpload implements handler.TerminaterDataStore.
func (*store) AsTerminatableUpload(u handler.Upload) handler.TerminatableUpload { return u.(*upload) }

// AsLengthDeclarableUpload implements handler.LengthDeferrerDataStore.
func (*store) AsLengthDeclarableUpload(u handler.Upload) handler.LengthDeclarableUpload {
	return u.(*upload)
}

// AsConcatableUpload implements handler.ConcaterDataStore.
func (*store) AsConcatableUpload(u handler.Upload) handler.ConcatableUpload { return u.(*upload) }
