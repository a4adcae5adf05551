package syscalls

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// older are calls that this architecture never had.
var older = map[int]watched{}

// open stands for openat(2), the only one there is.
var open = flagged{number: unix.SYS_OPENAT, argument: 2, watched: watched{op: Create, path: 1, at: true}}
