package filestorage

import (
	"context"
	"errors"
	"path/filepath"

	"minilab/internal/storage"
)

// List implements storage.Store, in the order of the file names; a cursor is
// the name of the last file.
func (s *Store) List(ctx context.Context, state storage.State, cursor string, limit int) (storage.Page, error) {
	if _, err := storage.ParseState(string(state)); err != nil {
		return storage.Page{}, err
	}
	if cursor != "" && !isImage(cursor) {
		return storage.Page{}, storage.ErrCursor
	}
	names, more, err := s.folders[state].pageOf(ctx, cursor, storage.PageLimit(limit))
	if err != nil {
		return storage.Page{}, operand(state, cursor, err)
	}
	var page storage.Page
	if more {
		page.Next = names[len(names)-1]
	}
	page.Infos, err = s.infos(ctx, state, names)
	return page, err
}

// infos leaves out what was deleted since its name was read. What is damaged
// is listed: somebody must learn of it to delete it.
func (s *Store) infos(ctx context.Context, state storage.State, names []string) ([]storage.Info, error) {
	infos := make([]storage.Info, 0, len(names))
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		info, err := s.infoOf(state, name)
		switch {
		case err == nil, (errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrUnreadable)) && info.Key != "":
			infos = append(infos, info)
		case !errors.Is(err, storage.ErrNotFound):
			return nil, err
		}
	}
	return infos, nil
}

func (s *Store) infoOf(state storage.State, name string) (storage.Info, error) {
	key, ok := keyOf(name)
	if !ok {
		var err error
		if key, err = s.hashedKey(state, name); err != nil {
			return storage.Info{}, err
		}
	}
	f, info, err := s.open(state, key)
	if err != nil {
		return info, err
	}
	return info, f.Close()
}

// hashedKey is the key of a file whose name is a hash. Without its attribute
// the file is not listed: nobody can tell its key any more.
func (s *Store) hashedKey(state storage.State, name string) (string, error) {
	f, err := openFile(filepath.Join(s.folders[state].path, name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	a, err := readAttribute(f)
	if err != nil || fileName(a.Key) != name {
		s.log.Warn("image without its key", "file", f.Name(), "error", err)
		return "", storage.ErrNotFound
	}
	return a.Key, nil
}
