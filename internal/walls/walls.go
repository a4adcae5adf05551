// Package walls shuts a process in: once they are up it can open no file, reach
// no network, start no program and grow beyond no limit. What it needs must be
// loaded and open before. There is no way back.
//
// Files and sockets are kept from it twice, by Landlock and by a list of the
// system calls that remain.
package walls

import (
	"errors"
	"fmt"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	landlocksys "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// ErrNoLandlock says that the kernel cannot keep files from the process.
var ErrNoLandlock = errors.New("this kernel has no Landlock, which keeps files from an image engine (Linux 5.13 or newer has it, unless it is switched off)")

// Limits are what the process may use up.
type Limits struct {
	AddressSpace int64         // bytes on top of what it has mapped already
	FileSize     int64         // bytes of a file it writes to
	CPU          time.Duration // of its whole life
	Files        uint64        // open at once
}

// Raise puts up every wall that the kernel has and says which are up; err says
// which are not, and why. To go on with an error is to go on unsafely.
func Raise(l Limits) (up []string, err error) {
	var missing []error
	for _, wall := range []func() (string, error){
		func() (string, error) { return "rlimits", Rlimits(l) },
		func() (string, error) { abi, err := Landlock(); return fmt.Sprintf("landlock %d", abi), err },
		func() (string, error) { return "seccomp", Seccomp() },
	} {
		name, fault := wall()
		if fault != nil {
			missing = append(missing, fault)
			continue
		}
		up = append(up, name)
	}
	return up, errors.Join(missing...)
}

// Landlock takes every path and every port away from all threads of the
// process, and signals and abstract sockets to the world outside where the
// kernel can. It returns the version of the kernel's Landlock.
func Landlock() (abi int, err error) {
	abi, err = landlocksys.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return 0, ErrNoLandlock
	}
	if err := landlock.V10.BestEffort().Restrict(); err != nil {
		return 0, fmt.Errorf("walls: landlock: %w", err)
	}
	return abi, nil
}
