package filestorage

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

// newMemory is an empty file in memory. Its name is for people who look at the
// process.
func newMemory() (*os.File, error) {
	fd, err := unix.MemfdCreate("minilab-image", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("storage: take memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "image"), nil
}

// seal makes memory immutable, unless it is.
func seal(m *os.File) error {
	if isSealed(m) {
		return nil
	}
	if _, err := unix.FcntlInt(m.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("storage: seal memory: %w", err)
	}
	return nil
}

// isSealed says whether memory can never change.
func isSealed(m *os.File) bool {
	has, err := unix.FcntlInt(m.Fd(), unix.F_GET_SEALS, 0)
	return err == nil && has&seals == seals
}

// reopen gives memory with a position of its own, which nobody else can move, or
// nil where there is no /proc.
func reopen(m *os.File) *os.File {
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", m.Fd()))
	if err != nil {
		return nil
	}
	return f
}
