package syscalls

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// older are the calls that only this architecture still has.
var older = map[int]watched{
	unix.SYS_CREAT:  {op: Create, path: 0},
	unix.SYS_RENAME: {op: Rename, path: 1},
	unix.SYS_UNLINK: {op: Unlink, path: 0},
	unix.SYS_LINK:   {op: Link, path: 1},
	unix.SYS_MKDIR:  {op: Mkdir, path: 0},
}

// open is open(2) with its flags.
var open = flagged{number: unix.SYS_OPEN, argument: 1, watched: watched{op: Create, path: 0}}
