package syscalls

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Variables that make a process a wrapper.
const (
	envProgram = "SYSCALLS_PROGRAM" // to be executed
	envSocket  = "SYSCALLS_SOCKET"  // descriptor of the socket that takes the listener
)

// wrap makes the command start as a wrapper, whose socket becomes the next of
// the descriptors that it inherits.
func wrap(cmd *exec.Cmd, socket *os.File) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, socket)
	cmd.Env = append(cmd.Env, envProgram+"="+cmd.Path, envSocket+"="+strconv.Itoa(2+len(cmd.ExtraFiles)))
	cmd.Path = self
	return nil
}

// Main makes a wrapper of the process if it was started as one, and does not
// return then: the process becomes the program that it wraps.
func Main() {
	program := os.Getenv(envProgram)
	if program == "" {
		return
	}
	err := become(program)
	fmt.Fprintf(os.Stderr, "cannot be watched: %s: %v\n", program, err)
	os.Exit(1)
}

func become(program string) error {
	socket, err := strconv.Atoi(os.Getenv(envSocket))
	if err != nil {
		return err
	}
	os.Unsetenv(envProgram)
	os.Unsetenv(envSocket)
	unix.CloseOnExec(socket)
	runtime.LockOSThread() // the filter is this thread's, and the program's that it becomes
	message := newMessage()
	listener, errno := install()
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	if errno := message.send(socket, listener); errno != 0 {
		return fmt.Errorf("pass the listener on: %w", errno)
	}
	return unix.Exec(program, os.Args, os.Environ())
}

// message passes the process's ID and a descriptor over a socket, without
// asking the Go runtime for anything.
type message struct {
	header  unix.Msghdr
	vector  unix.Iovec
	pid     [4]byte
	control []byte
}

func newMessage() *message {
	m := &message{control: unix.UnixRights(0)}
	binary.NativeEndian.PutUint32(m.pid[:], uint32(os.Getpid()))
	m.vector.Base = &m.pid[0]
	m.vector.SetLen(len(m.pid))
	m.header.Iov = &m.vector
	m.header.SetIovlen(1)
	m.header.Control = &m.control[0]
	m.header.SetControllen(len(m.control))
	return m
}

func (m *message) send(socket, fd int) unix.Errno {
	*(*int32)(unsafe.Pointer(&m.control[unix.CmsgLen(0)])) = int32(fd)
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(socket), uintptr(unsafe.Pointer(&m.header)), 0)
	return errno
}
