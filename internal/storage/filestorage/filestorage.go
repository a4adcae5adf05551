// Package filestorage keeps images as plain files, one for each image, whose
// bytes are exactly the image's:
//
//	DIR/inProgress/0198c0de-7a11-7000-8000-5ca1ab1e0001
//	DIR/finished/0198c0de-7a11-7000-8000-5ca1ab1e0001.1
//
// What the bytes do not say (type, size, SHA-256) is in the extended attribute
// "user.minilab" of the file, so that cp -a, rsync -X and snapshots keep it. A
// file that comes without one gets it when it is first read.
package filestorage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"minilab/internal/dirlock"
	"minilab/internal/storage"
)

// Options of a store.
type Options struct {
	MinFree int64 // bytes of the disk that images leave free
}

// Store implements storage.Store on a directory, of which it is the only user
// until it is closed.
type Store struct {
	folders map[storage.State]*folder
	id      string
	lock    *dirlock.Lock
	log     *slog.Logger
	damaged atomic.Int64
}

// Open takes the directory, which it makes when there is none.
func Open(dir string, opts Options, log *slog.Logger) (*Store, error) {
	if err := dirlock.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("storage: the directory %s cannot be created: %w", dir, err)
	}
	lock, err := dirlock.Acquire(dir, "storage")
	if err != nil {
		return nil, err
	}
	s := &Store{folders: map[storage.State]*folder{}, lock: lock, log: log}
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		if s.folders[state], err = openFolder(filepath.Join(dir, string(state)), opts.MinFree); err != nil {
			delete(s.folders, state)
			return nil, errors.Join(err, s.Close())
		}
	}
	if s.id, err = identity(s.folders[storage.InProgress].dir); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Identity tells this store from every other.
func (s *Store) Identity() string { return s.id }

// Close gives the directory back.
func (s *Store) Close() error {
	var errs []error
	for _, fo := range s.folders {
		fo.recent.close()
		errs = append(errs, fo.dir.Close())
	}
	return errors.Join(append(errs, s.lock.Release())...)
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, state storage.State, key string, r io.Reader, opts storage.PutOptions) (storage.Info, error) {
	opts, err := storage.CheckPut(state, key, opts)
	if err != nil {
		return storage.Info{}, err
	}
	info, err := s.folders[state].put(ctx, key, r, opts)
	info.Key, info.State = key, state
	return info, operand(state, key, err)
}

func (fo *folder) put(ctx context.Context, key string, r io.Reader, opts storage.PutOptions) (storage.Info, error) {
	if err := fo.room(opts.Size); err != nil {
		return storage.Info{}, err
	}
	d, err := fo.newDraft()
	if err != nil {
		return storage.Info{}, err
	}
	defer d.discard()
	if err := d.fill(ctx, r, opts); err != nil {
		return storage.Info{}, err
	}
	modified, err := d.publish(key, opts.ContentType)
	return storage.Info{Size: d.size, SHA256: d.sum(), ContentType: opts.ContentType, Modified: modified}, err
}

// Get implements storage.Store. A whole image is compared with its digest
// before, unless it has just come and is in memory still; a part is not. The
// body hands its file over to io.Copy, so that a socket gets the bytes by
// sendfile.
func (s *Store) Get(ctx context.Context, state storage.State, key string, part storage.Part) (storage.Object, error) {
	f, info, err := s.find(ctx, state, key)
	if err != nil {
		return storage.Object{}, err
	}
	part, err = part.Resolve(info.Size)
	if err == nil && part.Length == info.Size {
		if m := s.folders[state].recent.take(fileName(key), f); m != nil {
			f.Close()
			return storage.Object{Info: info, Part: part, Body: storage.SealedBody(m, info.Size)}, nil
		}
		err = s.verify(ctx, f, info)
	}
	if err == nil {
		_, err = f.Seek(part.Offset, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return storage.Object{}, operand(state, key, err)
	}
	return storage.Object{Info: info, Part: part, Body: newBody(f, part.Length)}, nil
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, state storage.State, key string) (storage.Info, error) {
	f, info, err := s.find(ctx, state, key)
	if err != nil {
		return storage.Info{}, err
	}
	return info, f.Close()
}

// Delete implements storage.Store. It waits for the disk even where there is
// no such file: whoever removed it may still be waiting.
func (s *Store) Delete(ctx context.Context, state storage.State, key string) error {
	if err := storage.Check(state, key); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	fo := s.folders[state]
	begun := fo.names.begun()
	err := os.Remove(filepath.Join(fo.path, fileName(key)))
	fo.recent.forget(fileName(key))
	if errors.Is(err, os.ErrNotExist) {
		err = fo.names.doubt() // whoever removed it may have been told that the disk failed
	}
	if err == nil {
		err = fo.names.wait(begun)
	}
	return operand(state, key, diskFault(err))
}

func (s *Store) find(ctx context.Context, state storage.State, key string) (*os.File, storage.Info, error) {
	if err := storage.Check(state, key); err != nil {
		return nil, storage.Info{}, err
	}
	if ctx.Err() != nil {
		return nil, storage.Info{}, context.Cause(ctx)
	}
	return s.open(state, key)
}

func (s *Store) open(state storage.State, key string) (*os.File, storage.Info, error) {
	f, err := openFile(filepath.Join(s.folders[state].path, fileName(key)))
	if err != nil {
		return nil, storage.Info{}, operand(state, key, err)
	}
	info, err := s.describe(f, state, key)
	if err != nil {
		f.Close()
		return nil, info, operand(state, key, err)
	}
	return f, info, nil
}

// openFile is ErrNotFound for what is no plain file. It never waits and never
// follows a link: neither was made by a Put.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return nil, storage.ErrNotFound
	}
	return f, err
}

// describe gives, with ErrCorrupt, what can be said of damaged bytes: there is
// no digest in it.
func (s *Store) describe(f *os.File, state storage.State, key string) (storage.Info, error) {
	stat, err := f.Stat()
	if err != nil {
		return storage.Info{}, err
	}
	if !stat.Mode().IsRegular() {
		return storage.Info{}, storage.ErrNotFound
	}
	info := storage.Info{
		Key: key, State: state, Size: stat.Size(), ContentType: storage.DefaultContentType, Modified: stat.ModTime().UTC(),
	}
	a, err := readAttribute(f)
	if errors.Is(err, unix.ENODATA) {
		a, err = adopt(f, key)
	}
	if err == nil {
		err = a.fits(info)
	}
	if err = readFault(err); errors.Is(err, storage.ErrUnreadable) {
		return info, err // nothing is known of the bytes
	}
	if err != nil {
		s.foundDamaged(info, err)
		return info, storage.ErrCorrupt.Because(err)
	}
	info.SHA256, info.ContentType = a.SHA256, a.ContentType
	return info, nil
}

// operand says what failed; nil stays nil.
func operand(state storage.State, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("storage %s/%q: %w", state, key, err)
}
