package filestorage

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"minilab/internal/storage"
)

// namesAtOnce is how many names of a directory are in memory at a time,
// besides those of the page.
const namesAtOnce = 4096

// List implements storage.Store, in the order of the file names; a cursor is
// the name of the last file.
func (s *Store) List(ctx context.Context, state storage.State, cursor string, limit int) (storage.Page, error) {
	if _, err := storage.ParseState(string(state)); err != nil {
		return storage.Page{}, err
	}
	if _, ok := keyOf(cursor); cursor != "" && !ok && !isHash(cursor) {
		return storage.Page{}, storage.ErrCursor
	}
	limit = storage.PageLimit(limit)
	names, err := s.folders[state].after(ctx, cursor, limit+1)
	if err != nil {
		return storage.Page{}, operand(state, cursor, err)
	}
	var page storage.Page
	if len(names) > limit {
		names = names[:limit]
		page.Next = names[limit-1]
	}
	page.Infos, err = s.infos(ctx, state, names)
	return page, err
}

// after is the first n names behind the cursor.
func (fo *folder) after(ctx context.Context, cursor string, n int) ([]string, error) {
	var first []string
	err := fo.eachName(func(name string) error {
		if name <= cursor {
			return ctx.Err()
		}
		if _, ok := keyOf(name); ok || isHash(name) {
			first = append(first, name)
		}
		if len(first) >= n+namesAtOnce {
			first = smallest(first, n)
		}
		return ctx.Err()
	})
	return smallest(first, n), err
}

// smallest sorts names and drops those behind the first n. A name that was
// replaced while the directory was read may have come twice.
func smallest(names []string, n int) []string {
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(n, len(names))]
}

func (fo *folder) eachName(f func(name string) error) error {
	dir, err := os.Open(fo.path)
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(namesAtOnce)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := f(name); err != nil {
				return err
			}
		}
	}
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
		case err == nil, errors.Is(err, storage.ErrCorrupt) && info.Key != "":
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
