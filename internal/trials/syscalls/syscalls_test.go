package syscalls_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/trials/syscalls"
)

// envMode tells the test binary what to be: a program that changes files.
const envMode = "SYSCALLS_TEST_MODE"

func TestMain(m *testing.M) {
	syscalls.Main()
	switch os.Getenv(envMode) {
	case "files":
		exit(changeFiles())
	case "child": // whose own child changes them
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), envMode+"=files")
		cmd.Stdout = os.Stdout
		exit(cmd.Run())
	default:
		os.Exit(m.Run())
	}
}

func exit(err error) {
	if err != nil {
		fmt.Print(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// changeFiles works in the current directory and, which is not watched, beside
// it.
func changeFiles() error {
	if err := os.WriteFile("../elsewhere", []byte("x"), 0o600); err != nil {
		return err
	}
	f, err := os.Create("draft")
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { _, err := f.Write([]byte("text")); return err },
		func() error { _, err := f.WriteAt([]byte("T"), 0); return err },
		func() error { return f.Truncate(3) },
		func() error { return unix.Fsetxattr(int(f.Fd()), "user.test", []byte("x"), 0) },
		f.Sync,
		func() error { return unix.Fdatasync(int(f.Fd())) },
		func() error { return os.Rename("draft", "final") },
		func() error { return os.Link("final", "link") },
		func() error { return os.Remove("link") },
		func() error { return os.Mkdir("folder", 0o700) },
		func() error { _, err := os.ReadFile("final"); return err }, // changes nothing, nor do these
		func() error { _, err := os.OpenFile("final", os.O_RDWR|os.O_CREATE, 0o600); return err },
		func() error { return os.MkdirAll("folder", 0o700) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

var want = []string{
	"p: create draft", "p: write draft", "p: write draft", "p: truncate draft", "p: attribute draft", "p: sync draft",
	"p: sync draft", "p: rename final", "p: link link", "p: unlink link", "p: mkdir folder",
}

// run runs the test binary in a mode and gives the calls that decide was asked
// about and what the process had to say.
func run(t *testing.T, mode, dir string, decide func(n int) syscalls.Verdict) (calls []string, out string, err error) {
	t.Helper()
	w, err := syscalls.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Decide(func(c syscalls.Call) syscalls.Verdict {
		calls = append(calls, c.String())
		return decide(len(calls))
	})
	cmd := exec.Command(os.Args[0])
	cmd.Dir, cmd.Env = dir, append(os.Environ(), envMode+"="+mode)
	if err := w.Wrap("p", cmd); err != nil {
		t.Fatal(err)
	}
	said, err := cmd.Output()
	w.Close()
	return calls, string(said), err
}

func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "watched")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func goOn(int) syscalls.Verdict { return syscalls.Verdict{} }

func TestEveryChangeIsSeenInItsOrder(t *testing.T) {
	for _, mode := range []string{"files", "child"} {
		calls, out, err := run(t, mode, folder(t), goOn)
		if err != nil || !slices.Equal(calls, want) {
			t.Errorf("%s: saw %q, %s %v", mode, calls, out, err)
		}
	}
}

func TestAKillComesRightBeforeTheCall(t *testing.T) {
	for n := 1; n <= len(want); n++ {
		dir := folder(t)
		calls, _, err := run(t, "files", dir, func(i int) syscalls.Verdict { return syscalls.Verdict{Kill: i == n} })
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
			t.Fatalf("call %d: the process ended with %v", n, err)
		}
		if !slices.Equal(calls, want[:n]) {
			t.Errorf("call %d: saw %q", n, calls)
		}
		_, final := os.Stat(filepath.Join(dir, "final"))
		_, draft := os.Stat(filepath.Join(dir, "draft"))
		if (final == nil) != (n > 8) || (draft == nil) != (n > 1 && n <= 8) {
			t.Errorf("killed before %s: draft %v, final %v", want[n-1], draft, final)
		}
	}
}

func TestACallFailsAsItIsTold(t *testing.T) {
	for i, step := range []string{"", "step 0", "step 1", "step 2", "step 3", "step 4", "step 5", "step 6", "step 7", "", "step 9"} {
		if step == "" {
			continue
		}
		_, out, err := run(t, "files", folder(t), func(n int) syscalls.Verdict {
			if n == i+1 {
				return syscalls.Verdict{Errno: unix.ENOSPC}
			}
			return syscalls.Verdict{}
		})
		if err == nil || !strings.HasPrefix(out, step+":") || !strings.Contains(out, unix.ENOSPC.Error()) {
			t.Errorf("%s fails with %q, %v", want[i], out, err)
		}
	}
}

func TestADelayHoldsOnlyItsOwnProcessUp(t *testing.T) {
	const delay = 300 * time.Millisecond
	dir := folder(t)
	w, err := syscalls.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	var order []string // in which the processes come to their last call
	w.Decide(func(c syscalls.Call) syscalls.Verdict {
		if c.Op == syscalls.Mkdir {
			order = append(order, c.Process)
		}
		if c.Process == "slow" && c.Op == syscalls.Sync {
			return syscalls.Verdict{Delay: delay}
		}
		return syscalls.Verdict{}
	})
	var all sync.WaitGroup
	for _, name := range []string{"slow", "quick"} {
		sub := filepath.Join(dir, name)
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Dir, cmd.Env, cmd.Stdout = sub, append(os.Environ(), envMode+"=files"), io.Discard
		if err := w.Wrap(name, cmd); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(start); name == "slow" && took < 2*delay {
				t.Errorf("two delays of %v took %v", delay, took)
			}
		})
	}
	all.Wait()
	w.Close()
	if !slices.Equal(order, []string{"quick", "slow"}) {
		t.Errorf("the order is %q", order)
	}
}
