package syscalls

import (
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// Op is what a call does to a file.
type Op string

// The operations that are watched.
const (
	Create    Op = "create" // open with O_CREAT; one of a file that exists changes nothing and is left out
	Mkdir     Op = "mkdir"
	Write     Op = "write"
	Truncate  Op = "truncate"
	Attribute Op = "attribute" // set an extended attribute
	Sync      Op = "sync"      // fsync, fdatasync
	Rename    Op = "rename"
	Link      Op = "link"
	Unlink    Op = "unlink"
)

// watched says which file a call is about: that of the descriptor in its first
// argument, or that of the path in one of them.
type watched struct {
	op   Op
	path int  // argument of the path; noPath: the first is a descriptor
	at   bool // the argument before the path is a directory's descriptor
}

const noPath = -1

// flagged is a call that counts only with O_CREAT among its flags.
type flagged struct {
	watched
	number, argument int
}

var flags = []flagged{open, {number: unix.SYS_OPENAT, argument: 2, watched: watched{op: Create, path: 1, at: true}}}

var calls = func() map[int]watched {
	m := map[int]watched{
		unix.SYS_WRITE:     {op: Write, path: noPath},
		unix.SYS_WRITEV:    {op: Write, path: noPath},
		unix.SYS_PWRITE64:  {op: Write, path: noPath},
		unix.SYS_PWRITEV:   {op: Write, path: noPath},
		unix.SYS_FTRUNCATE: {op: Truncate, path: noPath},
		unix.SYS_FALLOCATE: {op: Truncate, path: noPath},
		unix.SYS_FSETXATTR: {op: Attribute, path: noPath},
		unix.SYS_FSYNC:     {op: Sync, path: noPath},
		unix.SYS_FDATASYNC: {op: Sync, path: noPath},
		unix.SYS_RENAMEAT:  {op: Rename, path: 3, at: true},
		unix.SYS_RENAMEAT2: {op: Rename, path: 3, at: true},
		unix.SYS_LINKAT:    {op: Link, path: 3, at: true},
		unix.SYS_UNLINKAT:  {op: Unlink, path: 1, at: true},
		unix.SYS_MKDIRAT:   {op: Mkdir, path: 1, at: true},
	}
	maps.Copy(m, older)
	return m
}()

func lookup(number int) watched {
	if i := slices.IndexFunc(flags, func(f flagged) bool { return f.number == number }); i >= 0 {
		return flags[i].watched
	}
	return calls[number]
}
