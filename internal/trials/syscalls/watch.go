package syscalls

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Verdict is what becomes of a call. The zero value lets it go on.
type Verdict struct {
	Kill  bool          // the process is killed right before the call
	Errno unix.Errno    // the call is not made and fails with it
	Delay time.Duration // before the call is made, or fails
}

// Watch decides on the calls of the processes that it wraps.
type Watch struct {
	dir     string
	serving sync.WaitGroup

	mu      sync.Mutex // held while one call is decided on: that is their order
	decide  func(Call) Verdict
	sockets []io.Closer
}

// New watches files below dir. Until Decide is called, every call goes on.
func New(dir string) (*Watch, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(real)
	return &Watch{dir: dir, decide: func(Call) Verdict { return Verdict{} }}, err
}

// Decide sets who decides from now on. It is asked for one call at a time, and
// all other calls wait meanwhile: it must be quick.
func (w *Watch) Decide(f func(Call) Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.decide = f
}

// Wrap has the command, which was not started yet, run under the watch. What
// it starts itself is under the watch too.
func (w *Watch) Wrap(process string, cmd *exec.Cmd) error {
	ours, theirs, err := socketpair()
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.sockets = append(w.sockets, ours, theirs) // theirs as long as the command may start
	w.mu.Unlock()
	if err := wrap(cmd, theirs); err != nil {
		return err
	}
	w.serving.Go(func() {
		if pid, fd, err := receive(ours); err == nil {
			w.serve(process, pid, listener{fd})
		}
	})
	return nil
}

// Close waits until all that was wrapped has ended.
func (w *Watch) Close() {
	w.mu.Lock()
	for _, s := range w.sockets {
		_ = s.Close() // whoever waits for a command that was never started gives up
	}
	w.mu.Unlock()
	w.serving.Wait()
}

func socketpair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	f := os.NewFile(uintptr(fds[0]), "listener")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, nil, err
	}
	return conn.(*net.UnixConn), os.NewFile(uintptr(fds[1]), "listener"), nil
}

// receive waits for the process ID and the listener that a wrapper sends.
func receive(c *net.UnixConn) (pid, fd int, err error) {
	var data [4]byte
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := c.ReadMsgUnix(data[:], control)
	if err != nil {
		return 0, -1, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return 0, -1, errors.Join(err, errors.New("no descriptor came"))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, -1, err
	}
	unix.CloseOnExec(fds[0])
	return int(binary.NativeEndian.Uint32(data[:])), fds[0], nil
}

// serve answers until nobody is left to ask.
func (w *Watch) serve(process string, pid int, l listener) {
	var answers sync.WaitGroup
	defer unix.Close(l.fd)
	defer answers.Wait()
	for {
		n, err := l.next()
		if errors.Is(err, errOver) {
			return
		}
		if err != nil {
			panic(fmt.Errorf("%s: %w", process, err)) // it would hang for ever
		}
		c, ours := w.callOf(process, n)
		if !ours {
			l.proceed(n)
			continue
		}
		w.mu.Lock()
		v := w.decide(c)
		if v.Kill {
			_ = unix.Kill(pid, unix.SIGKILL) // an answer would come too late for it
		}
		w.mu.Unlock()
		switch {
		case v.Kill: // the kernel forgets the call
		case v.Delay > 0:
			answers.Go(func() { <-time.After(v.Delay); l.carryOut(n, v) })
		default:
			l.carryOut(n, v)
		}
	}
}

func (l listener) carryOut(n notification, v Verdict) {
	if v.Errno != 0 {
		l.refuse(n, v.Errno)
		return
	}
	l.proceed(n)
}
