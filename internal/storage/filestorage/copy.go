package filestorage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
)

// errUnlinked is of an image that is copied byte by byte.
var errUnlinked = errors.New("the file cannot have another name")

// Copy implements storage.Store: where it can, the file gets one more name,
// which costs no bytes. Names are only ever replaced, never written through, so
// nobody sees that they share a file.
func (s *Store) Copy(ctx context.Context, state storage.State, from, to string) (storage.Info, error) {
	if err := storage.CheckCopy(state, from, to); err != nil {
		return storage.Info{}, err
	}
	f, info, err := s.find(ctx, state, from)
	if err != nil {
		return storage.Info{}, err
	}
	defer f.Close()
	if err := s.verify(ctx, f, info); err != nil {
		return storage.Info{}, operand(state, from, err)
	}
	fo := s.folders[state]
	linked, err := fo.link(f, info, to)
	if errors.Is(err, errUnlinked) {
		opts := storage.PutOptions{ContentType: info.ContentType, Size: info.Size, SHA256: info.SHA256}
		linked, err = fo.put(ctx, to, newBody(f, info.Size), opts)
	}
	linked.Key, linked.State = to, state
	return linked, operand(state, to, err)
}

// link publishes a file under one more name. The time of a file is that of all
// its names, and whoever judges by age must not find that what was copied just
// now is old: so it is set to now, on the disk, before there is a new name. The
// old name looks younger than it is then, which nobody minds.
func (fo *folder) link(f *os.File, info storage.Info, key string) (storage.Info, error) {
	if err := linkable(f, info.Key, key); err != nil {
		return info, err
	}
	draft := filepath.Join(fo.path, draftPrefix+rand.Text())
	// By its descriptor: under its name there may be another file by now.
	opened := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, opened, unix.AT_FDCWD, draft, unix.AT_SYMLINK_FOLLOW); err != nil {
		return info, fmt.Errorf("%w: %w", errUnlinked, err)
	}
	defer func() { _ = os.Remove(draft) }() // still there after an error, and where both names were one file before
	now := []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, draft, now, 0); err != nil {
		return info, fmt.Errorf("%w: %w", errUnlinked, err)
	}
	if err := f.Sync(); err != nil {
		return info, diskFault(err)
	}
	stat, err := f.Stat()
	if err != nil {
		return info, err
	}
	info.Modified = stat.ModTime().UTC()
	begun := fo.names.begun()
	if err := os.Rename(draft, filepath.Join(fo.path, fileName(key))); err != nil {
		return info, diskFault(err)
	}
	return info, diskFault(fo.names.wait(begun))
}

// linkable is errUnlinked for a file whose attribute does not fit both keys, or
// that has none yet: whoever copied it in may still be writing.
func linkable(f *os.File, from, to string) error {
	if isHash(fileName(from)) || isHash(fileName(to)) {
		return errUnlinked
	}
	if _, err := readAttribute(f); err != nil {
		return fmt.Errorf("%w: %w", errUnlinked, err)
	}
	return nil
}
