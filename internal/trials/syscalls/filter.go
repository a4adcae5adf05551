package syscalls

import (
	"maps"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Where a filter finds what it judges: struct seccomp_data.
const (
	dataNumber    = 0
	dataArch      = 4
	dataArguments = 16
)

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func give(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

// skipUnless goes on with the next instruction if the comparison holds, and
// leaves so many out if not.
func skipUnless(compare uint16, k uint32, n uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | compare | unix.BPF_K, Jf: n, K: k}
}

// program hands the watched calls to the listener and lets all others go on.
func program() []unix.SockFilter {
	p := []unix.SockFilter{
		load(dataArch), skipUnless(unix.BPF_JEQ, auditArch, 1), load(dataNumber), // of another architecture: no number is ours
	}
	for _, f := range flags {
		flag := load(dataArguments + 8*uint32(f.argument)) // the low half comes first
		p = append(p, skipUnless(unix.BPF_JEQ, uint32(f.number), 4), flag,
			skipUnless(unix.BPF_JSET, unix.O_CREAT, 1), give(unix.SECCOMP_RET_USER_NOTIF), give(unix.SECCOMP_RET_ALLOW))
	}
	for _, number := range slices.Sorted(maps.Keys(calls)) {
		p = append(p, skipUnless(unix.BPF_JEQ, uint32(number), 1), give(unix.SECCOMP_RET_USER_NOTIF))
	}
	return append(p, give(unix.SECCOMP_RET_ALLOW))
}

// install puts the filter on the calling thread, for good, and gives its
// listener. From here on watched calls of the thread wait for an answer, so
// the Go runtime must not make one.
func install() (listener int, errno unix.Errno) {
	p := program()
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	if _, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return -1, errno
	}
	// A signal, such as Go's own to a thread that it wants to preempt, must
	// not make a call that has been handed over come twice.
	const how = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, how, uintptr(unsafe.Pointer(&prog)))
	return int(fd), errno
}
