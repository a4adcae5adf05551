package sqlitedb_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"minilab/internal/sqlitedb"
)

// childMode tells the test binary, started again as another process, what to
// do with the database in childPath.
const (
	childMode = "SQLITEDB_TEST_MODE"
	childPath = "SQLITEDB_TEST_PATH"
)

func TestMain(m *testing.M) {
	switch os.Getenv(childMode) {
	case "write":
		writeUntilKilled(os.Getenv(childPath))
	case "limit":
		failAtTheLimit(os.Getenv(childPath))
	default:
		os.Exit(m.Run())
	}
}

func child(t *testing.T, mode, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childMode+"="+mode, childPath+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// writeUntilKilled writes from many goroutines and prints each ID once its
// Write has returned.
func writeUntilKilled(path string) {
	db := must(sqlitedb.Open(context.Background(), path, migrations()))
	var print sync.Mutex
	for g := range 16 {
		go func() {
			for id := g; ; id += 16 {
				if err := db.Write(context.Background(), put(id)); err != nil {
					panic(err)
				}
				print.Lock()
				fmt.Println(id)
				print.Unlock()
			}
		}()
	}
	select {}
}

func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	cmd := child(t, "write", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var told []int
	for lines := bufio.NewScanner(out); lines.Scan(); {
		id, err := strconv.Atoi(lines.Text())
		if err != nil {
			break // the last line may be cut
		}
		if told = append(told, id); len(told) == 2000 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed, as it should be
	if len(told) < 2000 {
		t.Fatalf("the other process told of %d writes only", len(told))
	}
	kept := map[int]bool{}
	for _, id := range ids(t, open(t, path)) {
		kept[id] = true
	}
	for _, id := range told {
		if !kept[id] {
			t.Errorf("write %d was acknowledged and is lost", id)
		}
	}
}

// failAtTheLimit sets a limit on the size of files, which makes the kernel
// refuse to write the log when a group is committed, and takes it back.
func failAtTheLimit(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	db := must(sqlitedb.Open(context.Background(), path, migrations()))
	for id := range 100 {
		setLimit(96 << 10)
		err := db.Write(context.Background(), put(id))
		setLimit(1 << 40)
		if err != nil {
			fmt.Println("failed", id, sqlitedb.Fault(err) != nil)
			err = db.Write(context.Background(), put(id))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
}

func setLimit(bytes uint64) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	limit.Cur = min(bytes, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}

func TestGoesOnAfterAFailedCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	out, err := child(t, "limit", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(out), "failed"); n == 0 {
		t.Error("no commit failed")
	}
	if got := ids(t, open(t, path)); len(got) != 100 {
		t.Errorf("%d rows of 100", len(got))
	}
}
