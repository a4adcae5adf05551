// Package backup is what a backup of a lab's data looks like on a disk:
//
//	DIR/backup.json        the manifest: it names the files that belong to it
//	DIR/kv.ID.db           the snapshots of the databases
//	DIR/taskdb.ID.db
//	DIR/images.ID.jsonl    the list of images: which key has which bytes
//	DIR/images/ab/abcd…    the bytes, each under their SHA-256
//	DIR/backup.lock        one backup at a time
//
// # Interruptions
//
// Whatever a backup makes has a name that was never used, or one that only
// these very bytes can have; the manifest is replaced last, by a rename, when
// everything that it names is on the disk; what only the manifest before it
// named is removed after that. So whenever a backup is interrupted, DIR/backup.json
// names the last complete one and all of that is there. What is left over is
// used again by the next backup, once its digest has been computed anew, or
// removed by it. This is also why bytes are named after themselves and not
// after their keys: an image that was replaced under its key, or was damaged
// since, cannot take the bytes of an earlier backup with it.
//
// # Consistency
//
// A backup must hold, for one moment, every task and the bytes of all images
// that the tasks of that moment point to. The lab keeps to three rules:
//
//  1. An image's bytes are durable before a task points to them, as its source
//     or its result.
//  2. Bytes that a task points to are not replaced, and are removed only after
//     the task is, in the database.
//  3. An ID was answered with 202 only after its task was durable.
//
// The task database is copied in one transaction: that is the moment. Then the
// bytes that its tasks point to are looked for. By rule 1 all of them were
// there at the moment. Those that are still there are copied, and compared with
// the digest that the task names. Those that are missing now were removed since,
// so by rule 2 their task was deleted before that: the live database, asked after
// the bytes were missed, does not have it any more. Such a task is noted in the
// manifest and dropped when the backup is restored: the backup has the moment's
// tasks but those that were deleted while it was made, which no customer can hold
// against it. If the live database does still have the task, the rules have
// been broken from outside, by a hand or a disk: the image is damaged, which is
// reported by name, and the task stays. Bytes that no task of the moment points
// to, of uploads and attempts under way, are not copied at all. By rule 3 an ID
// that was answered before the backup began is in it, unless it was deleted.
//
// The key-value store needs no moment in common with the tasks: what a task
// took from it (a preset) has been written into the task.
package backup

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/dirlock"
	"minilab/internal/fault"
	"minilab/internal/storage"
)

// Faults of a backup's folder.
var (
	ErrForeign    = fault.New(fault.Conflict, "not-a-backup", "the folder is not empty and holds no backup")
	ErrNone       = fault.New(fault.NotFound, "no-backup", "there is no complete backup")
	ErrIncomplete = fault.New(fault.Conflict, "backup-incomplete", "the backup is incomplete or damaged")
	ErrNewer      = fault.New(fault.Conflict, "backup-newer", "the backup was made by a newer minilab")
)

// Dir is a folder that a backup is being made in. One process at a time has it.
type Dir struct {
	path string
	id   string // of the backup that is being made
	last *Manifest
	pool *pool
	list *list // nil: this one is without images
	lock *dirlock.Lock
	root *os.File // the folder, open before anything is written: a sync tells what failed since
}

const lockName = "backup"

// Open takes a folder for a new backup. It is made when it is not there, and
// must otherwise be empty or hold a backup, complete or not.
func Open(path string, now time.Time) (*Dir, error) {
	if err := ours(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, DiskFault(fmt.Errorf("backup folder: %w", err))
	}
	lock, err := dirlock.Acquire(path, lockName) // by which the folder is known for a backup's
	if errors.Is(err, dirlock.ErrInUse) {
		return nil, dirlock.ErrInUse.Detailf("another backup is being made in %s%s; wait for it or choose another folder", path, dirlock.Holder(path, lockName))
	}
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(path, poolName), 0o700); err != nil {
		return nil, errors.Join(DiskFault(fmt.Errorf("backup folder: %w", err)), lock.Release())
	}
	root, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("backup folder: %w", err), lock.Release())
	}
	d := &Dir{path: path, id: newID(now), lock: lock, root: root, pool: newPool(filepath.Join(path, poolName))}
	if err := d.adopt(); err != nil {
		return nil, errors.Join(err, root.Close(), lock.Release())
	}
	return d, nil
}

// ours is ErrForeign for a folder with something else in it.
func ours(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("backup folder: %w", err)
	}
	if _, err := readManifest(path); errors.Is(err, ErrForeign) {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockName+".lock" || e.Name() == manifestName {
			return nil
		}
	}
	if len(entries) > 0 {
		return ErrForeign.Detailf("%s is not empty and holds no backup; choose a folder of its own", path)
	}
	return nil
}

// adopt takes over what the last complete backup has: its bytes were durable
// before its manifest was. A backup whose list is damaged is only not trusted.
func (d *Dir) adopt() error {
	m, err := readManifest(d.path)
	if errors.Is(err, ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	d.last = &m
	if m.Images == nil || m.Images.verify(d.path) != nil {
		return nil
	}
	for info, err := range readList(filepath.Join(d.path, m.Images.File)) {
		if err != nil {
			return err
		}
		d.pool.know(info)
	}
	return nil
}

// Last is the manifest of the last complete backup, or nil.
func (d *Dir) Last() *Manifest { return d.last }

// Path is the folder's.
func (d *Dir) Path() string { return d.path }

// File is the path of a part of the last complete backup.
func (d *Dir) File(p *Part) string { return filepath.Join(d.path, filepath.Base(p.File)) }

// Images gives the images of the last complete backup.
func (d *Dir) Images() iter.Seq2[storage.Info, error] {
	if d.last == nil {
		return (&Set{}).Images()
	}
	return (&Set{*d.last, d.path}).Images()
}

// New is the path of a new file of this backup.
func (d *Dir) New(part, ext string) string {
	return filepath.Join(d.path, part+"."+d.id+"."+ext)
}

// BeginImages begins the list of images, without which the backup has none.
func (d *Dir) BeginImages() (err error) {
	d.list, err = newList(d.New("images", "jsonl"))
	return err
}

// Holds says whether the bytes are in the backup, whole.
func (d *Dir) Holds(sha256 string, size int64) bool { return d.pool.holds(sha256, size) }

// Note writes into the list that an image has bytes that the backup holds.
func (d *Dir) Note(info storage.Info) error {
	d.pool.use(info.SHA256)
	return DiskFault(d.list.add(info))
}

// Close gives the folder back. What was not committed stays for the next
// backup to use or to remove.
func (d *Dir) Close() error {
	var err error
	if d.list != nil {
		err = d.list.close()
	}
	return errors.Join(err, d.root.Close(), d.lock.Release())
}

// syncAll makes everything on the folder's file system durable: one wait for
// the disk instead of one for each image.
func (d *Dir) syncAll() error { return unix.Syncfs(int(d.root.Fd())) }
