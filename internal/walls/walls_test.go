package walls_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/walls"
)

// Walls cannot be taken down, so they are raised in a process of their own:
// this test binary, told by the environment which ones.
const wallsVar = "MINILAB_TEST_WALLS"

var limits = walls.Limits{AddressSpace: 256 << 20, FileSize: 1 << 20, CPU: time.Minute, Files: 16}

func TestMain(m *testing.M) {
	which := os.Getenv(wallsVar)
	if which == "" {
		os.Exit(m.Run())
	}
	if err := prisoner(which); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// prisoner raises walls and tries everything. On standard output it reports
// what each attempt came to.
func prisoner(which string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	memory, err := unix.MemfdCreate("open before", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	spawnThreads() // walls must hold for those that are there already
	switch which {
	case "none":
	case "landlock":
		_, err = walls.Landlock()
	case "seccomp":
		err = walls.Seccomp()
	case "rlimits":
		err = walls.Rlimits(limits)
	case "all":
		_, err = walls.Raise(limits)
	}
	if err != nil {
		return err
	}
	got := map[string]string{}
	for name, attempt := range attempts(listener.Addr().String(), memory) {
		got[name] = fmt.Sprint(everywhere(attempt))
	}
	return json.NewEncoder(os.Stdout).Encode(got)
}

func attempts(address string, memory int) map[string]func() error {
	return map[string]func() error{
		"read":    func() error { _, err := os.ReadFile("/etc/passwd"); return err },
		"list":    func() error { _, err := os.ReadDir("/"); return err },
		"create":  func() error { return os.WriteFile(os.TempDir()+"/minilab-walls", nil, 0o600) },
		"connect": func() error { return discard(net.Dial("tcp", address)) },
		"listen":  func() error { return discard(net.Listen("tcp", "127.0.0.1:0")) },
		"socket": func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			_ = unix.Close(fd)
			return err
		},
		"exec":     func() error { return exec.Command("/bin/true").Run() },
		"fork":     fork,
		"ptrace":   ptrace,
		"kill":     func() error { return unix.Kill(os.Getppid(), 0) },
		"unshare":  func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"io_uring": func() error { _, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0); return e },
		"sigio":    func() error { _, err := unix.FcntlInt(uintptr(memory), unix.F_SETOWN, os.Getppid()); return err },
		"lock": func() error {
			return unix.FcntlFlock(uintptr(memory), unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK})
		},
		"duplicate": func() error {
			fd, err := unix.Dup(memory)
			_ = unix.Close(fd)
			return err
		},
		"raise": func() error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 99, Max: 99}) },
		"size":  func() error { _, err := unix.Pwrite(memory, []byte("x"), limits.FileSize); return err },
		"memory": func() error {
			// Twice, because what the process gives back meanwhile it may map again.
			m, err := unix.Mmap(-1, 0, 2*int(limits.AddressSpace), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
			_ = unix.Munmap(m)
			return err
		},
		// What must go on working.
		"write":   func() error { _, err := unix.Pwrite(memory, []byte("x"), 0); return err },
		"collect": func() error { runtime.GC(); return nil },
	}
}

// discard closes what was opened after all.
func discard[C io.Closer](c C, err error) error {
	if err == nil {
		_ = c.Close()
	}
	return err
}

// ptrace is allowed when the answer is that there is no such process.
func ptrace() error {
	const nobody = 1 << 22
	if err := unix.PtraceAttach(nobody); !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// fork makes a process that ends at once.
func fork() error {
	pid, _, e := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if e != 0 {
		return e
	}
	if pid == 0 {
		for {
			_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

var work = make(chan func() error)
var results = make(chan error)

const threads = 4

// spawnThreads keeps a few threads busy with whatever comes over work.
func spawnThreads() {
	var ready sync.WaitGroup
	for range threads {
		ready.Add(1)
		go func() {
			runtime.LockOSThread()
			ready.Done()
			for f := range work {
				results <- f()
			}
		}()
	}
	ready.Wait()
}

// everywhere tries on several threads and returns an error only if all do.
func everywhere(attempt func() error) error {
	var last error
	passed := false
	for range 2 * threads {
		work <- attempt
		err := <-results
		passed = passed || unwrap(err) == nil
		last = err
	}
	if passed {
		return nil
	}
	return last
}

// unwrap turns the zero error number, which is not nil, into nil.
func unwrap(err error) error {
	if e, ok := errors.AsType[syscall.Errno](err); ok && e == 0 {
		return nil
	}
	return err
}

func tryBehind(t *testing.T, which string) map[string]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), wallsVar+"="+which)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("behind %s: %v\n%s", which, err, &stderr)
	}
	var got map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEachWallHoldsByItself(t *testing.T) {
	const passes = "<nil>"
	for which, stopped := range map[string][]string{
		// Not "listen": Go listens with Multipath TCP, which Landlock does not know.
		"landlock": {"read", "list", "create", "connect", "exec"},
		"seccomp": {"read", "list", "create", "connect", "listen", "socket", "exec", "fork", "ptrace", "kill", "unshare",
			"io_uring", "sigio", "lock", "duplicate", "raise"},
		"rlimits": {"size", "memory"},
		"all": {"read", "list", "create", "connect", "listen", "socket", "exec", "fork", "ptrace", "kill", "unshare",
			"io_uring", "sigio", "lock", "duplicate", "raise", "size", "memory"},
	} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			got := tryBehind(t, which)
			for _, name := range stopped {
				if got[name] == passes {
					t.Errorf("%s gets through", name)
				}
			}
			for _, name := range []string{"write", "collect"} {
				if got[name] != passes {
					t.Errorf("%s is stopped: %s", name, got[name])
				}
			}
		})
	}
}

// The attempts must be ones that succeed without walls, or the test above
// proves nothing.
func TestAttemptsPassWithoutWalls(t *testing.T) {
	got := tryBehind(t, "none")
	for _, name := range []string{"read", "list", "create", "connect", "listen", "socket", "exec", "fork", "ptrace", "kill", "sigio", "lock",
		"duplicate", "size", "memory"} {
		if got[name] != "<nil>" {
			t.Errorf("%s: %s", name, got[name])
		}
	}
	_ = os.Remove(os.TempDir() + "/minilab-walls")
}
