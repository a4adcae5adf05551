package filestorage

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"minilab/internal/dirlock"
	"minilab/internal/storage"
)

// roomEvery is how many bytes of an image may come between two looks at the
// free space.
const roomEvery = 8 << 20

// A folder keeps the images of one state.
type folder struct {
	path    string
	dir     *os.File
	minFree int64
	names   *dirSync
	windows windows
	recent  *recent // nil: none are kept
}

// openFolder makes the folder when there is none, checks that it can do what
// is asked of it and removes what a crash has left over.
func openFolder(path string, minFree int64) (*folder, error) {
	if err := dirlock.MakeDir(path); err != nil {
		return nil, fmt.Errorf("storage: the directory %s cannot be created: %w", path, err)
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("storage: the directory %s cannot be read: %w", path, err)
	}
	fo := &folder{path: path, dir: dir, minFree: minFree, names: newDirSync(dir.Sync), windows: windows{names: windowNames}}
	if err := errors.Join(fo.sweep(), fo.probe()); err != nil {
		dir.Close()
		return nil, err
	}
	return fo, nil
}

// sweep removes the drafts of a process that has crashed. There is no other:
// the store holds the lock of the directory.
func (fo *folder) sweep() error {
	return fo.eachName(func(name string) error {
		if !strings.HasPrefix(name, draftPrefix) {
			return nil
		}
		if err := os.Remove(filepath.Join(fo.path, name)); err != nil {
			return fmt.Errorf("storage: a leftover of a crash cannot be removed: %w", err)
		}
		return nil
	})
}

// probe writes a file with an attribute, because the first image would be a
// bad moment to learn that there are none.
func (fo *folder) probe() error {
	d, err := fo.newDraft()
	if err != nil {
		return fmt.Errorf("storage: the directory %s cannot be written: %w", fo.path, err)
	}
	defer d.discard()
	if takesDirect(d.file) {
		fo.recent = &recent{yields: filepath.Base(fo.path) == string(storage.Finished)}
	}
	return keepsAttributes(d.file)
}

func keepsAttributes(f *os.File) error {
	want := attribute{SHA256: strings.Repeat("0", 64), ContentType: storage.DefaultContentType}
	dir := filepath.Dir(f.Name())
	if err := want.write(f); err != nil {
		return fmt.Errorf("storage: the file system of %s keeps no extended attributes, "+
			"in which the type and the SHA-256 of an image are noted: %w", dir, err)
	}
	if got, err := readAttribute(f); err != nil || got != want {
		return fmt.Errorf("storage: the file system of %s does not give extended attributes back as they were: %w",
			dir, cmp.Or(err, errors.ErrUnsupported))
	}
	return nil
}

// Room is ErrNoSpace when so many bytes more would not leave the floor free.
func (s *Store) Room(more int64) error { return s.folders[storage.InProgress].room(more) }

// Free is how many bytes the disk has for more.
func (s *Store) Free() (int64, error) { return s.folders[storage.InProgress].free() }

func (fo *folder) free() (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(fo.path, &fs); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", fo.path, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// room is ErrNoSpace when the disk would be left with less than the floor
// after so many bytes more.
func (fo *folder) room(more int64) error {
	free, err := fo.free()
	if err != nil {
		return err
	}
	if free-max(more, 0) >= fo.minFree {
		return nil
	}
	return storage.ErrNoSpace.Detailf("the storage's disk has %s free and keeps %s of them back",
		humanize.IBytes(uint64(free)), humanize.IBytes(uint64(fo.minFree)))
}
