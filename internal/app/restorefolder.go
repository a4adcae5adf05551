package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"minilab/internal/backup"
	"minilab/internal/config"
	"minilab/internal/dirlock"
	"minilab/internal/fault"
	"minilab/internal/storage"
)

// unfinishedName is the file that is in a data folder while it is restored.
const unfinishedName = "restore.unfinished"

// lockedServices are those that keep data in the folder.
var lockedServices = []string{"kv", "storage", "taskdb"}

// restoreLock keeps a second restore out.
const restoreLock = "restore"

var (
	errUnfinished = fault.New(fault.Conflict, "restore-unfinished", "the data folder has been restored in part")
	errNotEmpty   = fault.New(fault.Conflict, "not-empty", "the data folder is not empty")
)

// restored refuses a data folder of which a restore was interrupted.
func restored(data string) error {
	if _, err := os.Lstat(filepath.Join(data, unfinishedName)); err == nil {
		return errUnfinished.Detailf("restoring %s was interrupted; run `minilab restore` on it again", data)
	}
	return nil
}

// occupy makes the folder one that is being restored, until it is given back. It
// must be empty but for what an interrupted restore has left, which is removed.
func occupy(data string) (*dirlock.Lock, error) {
	if err := dirlock.MakeDir(data); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", data, err)
	}
	if err := vacant(data); err != nil { // before there are locks in it
		return nil, err
	}
	mine, err := dirlock.Acquire(data, restoreLock)
	if err != nil {
		return nil, err
	}
	if err := empty(data); err != nil {
		return nil, errors.Join(err, mine.Release())
	}
	return mine, nil
}

// empty marks and empties the folder while no service has it.
func empty(data string) error {
	var locks []*dirlock.Lock
	defer func() {
		for _, l := range locks {
			_ = l.Release() // only closes a file
		}
	}()
	for _, service := range lockedServices {
		lock, err := dirlock.Acquire(data, service)
		if err != nil {
			return err
		}
		locks = append(locks, lock)
	}
	if err := vacant(data); err != nil { // a service, or a restore, has come and gone meanwhile
		return err
	}
	return begin(data)
}

// vacant is errNotEmpty where there is something that a restore has not made.
func vacant(data string) error {
	entries, err := os.ReadDir(data)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", data, err)
	}
	again := restored(data) != nil
	for _, e := range entries {
		holder, isLock := strings.CutSuffix(e.Name(), ".lock")
		if isLock && (holder == restoreLock || slices.Contains(lockedServices, holder)) || e.Name() == "lost+found" || again && restores(e.Name()) {
			continue
		}
		return errNotEmpty.Detailf("%s is not empty: %s is in it; restore into a new folder, or move what is there away", data, e.Name())
	}
	return nil
}

// restores says whether a restore makes something of that name.
func restores(name string) bool {
	return name == unfinishedName || name == string(storage.InProgress) || name == string(storage.Finished) ||
		strings.HasPrefix(name, kvFile) || strings.HasPrefix(name, taskdbFile)
}

// begin marks the folder and empties it.
func begin(data string) error {
	f, err := os.Create(filepath.Join(data, unfinishedName))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close(), dirlock.SyncDir(data)); err != nil {
		return err
	}
	entries, err := os.ReadDir(data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if restores(e.Name()) && e.Name() != unfinishedName {
			if err := os.RemoveAll(filepath.Join(data, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// release lets services start on the folder.
func release(data string) error {
	if err := dirlock.SyncDir(data); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(data, unfinishedName)); err != nil {
		return err
	}
	return dirlock.SyncDir(data)
}

// room is fault.ErrNoSpace when the disk cannot hold the backup and keep its
// floor: better to say so now than at the last image.
func room(cfg config.Config, set *backup.Set) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(cfg.Data, &fs); err != nil {
		return fmt.Errorf("statfs %s: %w", cfg.Data, err)
	}
	need, free := set.Size(), int64(fs.Bavail)*fs.Bsize
	if free-need >= cfg.MinFree {
		return nil
	}
	return fault.ErrNoSpace.Detailf("nothing was restored: the backup needs %s, and the disk of %s has %s free, of which --min-free keeps %s",
		bytesOf(need), cfg.Data, bytesOf(free), bytesOf(cfg.MinFree))
}
