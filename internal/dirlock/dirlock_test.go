package dirlock_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"minilab/internal/dirlock"
)

// lockedDir tells the test binary, started again as another process, to hold
// the lock of that folder until it is killed.
const lockedDir = "DIRLOCK_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lockedDir); dir != "" {
		hold(dir)
	}
	os.Exit(m.Run())
}

func hold(dir string) {
	if _, err := dirlock.Acquire(dir, "kv"); err != nil {
		panic(err)
	}
	os.Stdout.WriteString("locked\n")
	select {}
}

// TestAFolderIsMadeTogether by services that start at the same moment.
func TestAFolderIsMadeTogether(t *testing.T) {
	root := t.TempDir()
	for round := range 200 {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := dirlock.MakeDir(filepath.Join(root, strconv.Itoa(round), "new", "folder")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

func TestSecondOfOneServiceIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	first, err := dirlock.Acquire(dir, "kv")
	if err != nil {
		t.Fatal(err)
	}
	_, err = dirlock.Acquire(dir, "kv")
	if !errors.Is(err, dirlock.ErrInUse) {
		t.Fatalf("second lock: %v", err)
	}
	for _, want := range []string{dir, "kv", strconv.Itoa(os.Getpid())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %q", err, want)
		}
	}
	if got, want := dirlock.Holder(dir, "kv"), " (pid "+strconv.Itoa(os.Getpid())+")"; got != want {
		t.Errorf("the holder is %q, want %q", got, want)
	}
	if got := dirlock.Holder(dir, "storage"); got != "" {
		t.Errorf("the holder of no lock is %q", got)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	acquire(t, dir, "kv")
}

func TestServicesShareAFolder(t *testing.T) {
	dir := t.TempDir()
	for _, service := range []string{"kv", "taskdb", "storage"} {
		acquire(t, dir, service)
	}
}

func TestLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), lockedDir+"="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_, err = dirlock.Acquire(dir, "kv")
	if !errors.Is(err, dirlock.ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(other.Process.Pid)) {
		t.Errorf("while another process holds the lock: %v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // killed, as it should be
	acquire(t, dir, "kv")
}

func TestFolderThatCannotBeMadeIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := dirlock.Acquire(filepath.Join(file, "data"), "kv")
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a folder under a file: %v", err)
	}
}

func acquire(t *testing.T, dir, service string) {
	t.Helper()
	lock, err := dirlock.Acquire(dir, service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	})
}
