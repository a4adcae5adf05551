package filestorage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// View reads the images of a directory beside the store that uses it. It is
// not kept out by the store's lock, and changes nothing but what every reader
// does: a file that somebody has copied in gets its attribute.
type View struct{ s Store }

// Beside opens a view of the directory. A folder that is not there has no
// images; when neither is there, it is storage.ErrNotFound.
func Beside(dir string, log *slog.Logger) (*View, error) {
	v := &View{Store{folders: map[storage.State]*folder{}, log: log}}
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		path := filepath.Join(dir, string(state))
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil && !info.IsDir() {
			err = unix.ENOTDIR
		}
		if err != nil {
			return nil, fmt.Errorf("storage: the directory %s cannot be read: %w", path, err)
		}
		v.s.folders[state] = &folder{path: path, windows: windows{names: windowNames}}
	}
	if len(v.s.folders) == 0 {
		return nil, storage.ErrNotFound.Detailf("there are no images in %s", dir)
	}
	return v, nil
}

// Get is a store's Get.
func (v *View) Get(ctx context.Context, state storage.State, key string, part storage.Part) (storage.Object, error) {
	if v.s.folders[state] == nil {
		return storage.Object{}, storage.ErrNotFound
	}
	return v.s.Get(ctx, state, key, part)
}

// Stat is a store's Stat.
func (v *View) Stat(ctx context.Context, state storage.State, key string) (storage.Info, error) {
	if v.s.folders[state] == nil {
		return storage.Info{}, storage.ErrNotFound
	}
	return v.s.Stat(ctx, state, key)
}

// List is a store's List.
func (v *View) List(ctx context.Context, state storage.State, cursor string, limit int) (storage.Page, error) {
	if v.s.folders[state] == nil {
		return storage.Page{}, nil
	}
	return v.s.List(ctx, state, cursor, limit)
}
