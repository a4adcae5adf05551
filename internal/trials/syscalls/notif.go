package syscalls

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notification is struct seccomp_notif.
type notification struct {
	id    uint64
	tid   uint32 // of the thread that calls
	flags uint32

	number    int32 // struct seccomp_data
	arch      uint32
	at        uint64
	arguments [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	errno int32 // negative
	flags uint32
}

// errOver says that nobody is left whose calls a listener could get.
var errOver = errors.New("the watched processes have ended")

// listener is the filter's other end.
type listener struct{ fd int }

// next waits for a call. One whose process was killed meanwhile is left out.
func (l listener) next() (notification, error) {
	for {
		p := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return notification{}, os.NewSyscallError("poll", err)
		}
		if p[0].Revents&unix.POLLIN == 0 && p[0].Revents != 0 {
			return notification{}, errOver
		}
		var n notification
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
		switch {
		case errno == 0:
			return n, nil
		case !errors.Is(errno, unix.ENOENT) && !errors.Is(errno, unix.EINTR):
			return n, os.NewSyscallError("receive a call", errno)
		}
	}
}

// proceed lets the kernel do the call.
func (l listener) proceed(n notification) {
	l.answer(response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE})
}

// refuse ends the call with an error.
func (l listener) refuse(n notification, errno unix.Errno) {
	l.answer(response{id: n.id, errno: -int32(errno)})
}

// answer fails only when the process has been killed.
func (l listener) answer(r response) {
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
}
