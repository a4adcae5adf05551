package dirlock

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// MakeDir is os.MkdirAll that makes each new name durable: what is kept in a
// folder is worth no more than the folder's own name.
func MakeDir(path string) error {
	err := os.Mkdir(path, 0o750)
	if errors.Is(err, os.ErrNotExist) {
		if err := MakeDir(filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o750)
	}
	if errors.Is(err, os.ErrExist) { // by now: services start together
		return isDir(path)
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a folder durable.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func isDir(path string) error {
	stat, err := os.Stat(path)
	if err == nil && !stat.IsDir() {
		return syscall.ENOTDIR
	}
	return err
}
