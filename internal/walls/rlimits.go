package walls

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Rlimits sets the limits of the process, without a way to raise them again.
func Rlimits(l Limits) error {
	var pages int64
	statm, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(statm), &pages)
	}
	if err != nil {
		return fmt.Errorf("walls: own size: %w", err)
	}
	for _, r := range []struct {
		name     string
		resource int
		value    uint64
	}{
		{"address space", unix.RLIMIT_AS, uint64(pages*int64(os.Getpagesize()) + l.AddressSpace)},
		{"file size", unix.RLIMIT_FSIZE, uint64(l.FileSize)},
		{"processor time", unix.RLIMIT_CPU, uint64(l.CPU.Seconds()) + 1},
		{"open files", unix.RLIMIT_NOFILE, l.Files},
		{"core dumps", unix.RLIMIT_CORE, 0},
	} {
		if err := unix.Setrlimit(r.resource, &unix.Rlimit{Cur: r.value, Max: r.value}); err != nil {
			return fmt.Errorf("walls: limit of %s: %w", r.name, err)
		}
	}
	return nil
}
