// Package dirlock keeps two processes of one service out of the same data
// folder. There is one lock per service, so six services may share a folder
// and two of one service may not:
//
//	lock, err := dirlock.Acquire(dir, "storage") // DIR/storage.lock
//	defer lock.Release()
//
// The lock belongs to the open file, so the kernel lets go of it when the
// process ends, however it ends; a lock file that lies about means nothing.
package dirlock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"minilab/internal/fault"
)

// ErrInUse is what the second process gets.
var ErrInUse = fault.New(fault.Conflict, "in-use", "another minilab process uses this data folder")

// maxPID bounds what is read of a lock file, in bytes.
const maxPID = 32

// Lock is a held lock.
type Lock struct {
	file *os.File
}

// Acquire takes the lock of a service in dir, which it makes when it is not
// there. It does not wait: while another process, or another part of this one,
// holds the lock it is ErrInUse. The lock file holds the holder's process ID.
func Acquire(dir, service string) (*Lock, error) {
	if err := MakeDir(dir); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	path := filepath.Join(dir, service+".lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	if err := lock(file, dir, service); err != nil {
		_ = file.Close() // nothing was written to it
		return nil, err
	}
	return &Lock{file}, nil
}

func lock(file *os.File, dir, service string) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrInUse.Detailf("the %s data in %s is in use by another minilab process%s; stop that one or choose another folder with --data",
			service, dir, signer(file))
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return sign(file)
}

// Holder names the process that took the lock last, as " (pid 7)", as far as
// its file says.
func Holder(dir, service string) string {
	file, err := os.Open(filepath.Join(dir, service+".lock"))
	if err != nil {
		return ""
	}
	defer file.Close()
	return signer(file)
}

func signer(file *os.File) string {
	text, _ := io.ReadAll(io.LimitReader(file, maxPID)) // a name is a courtesy
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

func sign(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	if _, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return nil
}

// Release gives the lock up. The file stays: were it removed, two processes
// could hold locks on two files of that name.
func (l *Lock) Release() error { return l.file.Close() }
