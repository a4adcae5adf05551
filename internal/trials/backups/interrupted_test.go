package backups

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
	"minilab/internal/trials"
	"minilab/internal/trials/syscalls"
)

// Of each command so many calls are tried, beside those that matter most.
const sampled = 5

// history is a data folder at two times, and a backup of each.
type history struct {
	early, late   string // data folders
	backup        string // of the early one
	before, after []string
	images        map[string][]byte
}

// newHistory hands images in, twice.
func newHistory(t *testing.T) history {
	t.Helper()
	dir := t.TempDir()
	h := history{
		early: filepath.Join(dir, "early"), late: filepath.Join(dir, "data"), backup: filepath.Join(dir, "backup"), images: map[string][]byte{},
	}
	s := start(t, dir, trials.OneProcess)
	h.before = s.handIn(h.images, 3)
	s.stop()
	copyFolder(t, h.late, h.early)
	minilab(t, "backup", h.backup, h.late)
	s = start(t, dir, trials.OneProcess)
	if err := s.remove(t.Context(), h.before[0]); err != nil {
		t.Fatal(err)
	}
	h.after = append(slices.Clone(h.before[1:]), s.handIn(h.images, 2)...)
	s.stop()
	slices.Sort(h.before)
	slices.Sort(h.after)
	return h
}

func (s *stage) handIn(images map[string][]byte, n int) (ids []string) {
	s.Helper()
	for range n {
		image := trials.PNG(30+len(images), 20, uint8(len(images)))
		id, err := s.customer().Upload(s.Context(), image)
		if err != nil {
			s.Fatal(err)
		}
		if err := s.exact(s.Context(), id, image); err != nil {
			s.Fatal(err)
		}
		images[id] = image
		ids = append(ids, id)
	}
	return ids
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil { // with the attributes
		t.Fatalf("%v\n%s", err, out)
	}
}

// tasksOf are the finished tasks of a restored folder, whose images must be
// exact.
func (h history) tasksOf(t *testing.T, data string) (ids []string) {
	t.Helper()
	f, err := sqlite.OpenFile(t.Context(), filepath.Join(data, "taskdb.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	view, err := filestorage.Beside(data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for task, err := range f.Each(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, task.ID)
		before := read(t, view, storage.InProgress, task.Source)
		if !bytes.Equal(before, h.images[task.ID]) {
			t.Errorf("%s has another source", task.ID)
		}
		if err := trials.Swapped(before, read(t, view, storage.Finished, task.Outputs[0].Blob), 0); err != nil {
			t.Errorf("%s: %v", task.ID, err)
		}
	}
	return ids
}

func read(t *testing.T, view *filestorage.View, state storage.State, b taskdb.Blob) []byte {
	t.Helper()
	o, err := view.Get(t.Context(), state, b.Key, storage.Part{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(o.Body); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// restored restores a backup, which must hold one of the two times, whole.
func (h history) restored(t *testing.T, dir string) []string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	minilab(t, "restore", dir, to)
	ids := h.tasksOf(t, to)
	if !slices.Equal(ids, h.before) && !slices.Equal(ids, h.after) {
		t.Errorf("restored %v, want %v or %v", ids, h.before, h.after)
	}
	return ids
}

// run runs a command under a watch that decides on its calls, which are
// counted, and gives the error and what it says.
func run(t *testing.T, cmd *exec.Cmd, dir string, decide func(n int, c syscalls.Call) syscalls.Verdict) (calls []syscalls.Call, said string, err error) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := syscalls.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Decide(func(c syscalls.Call) syscalls.Verdict {
		calls = append(calls, c)
		return decide(len(calls)-1, c)
	})
	if err := w.Wrap("minilab", cmd); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	w.Close()
	return calls, out.String(), err
}

func goOn(int, syscalls.Call) syscalls.Verdict { return syscalls.Verdict{} }

// filling are the calls that a full disk fails.
var filling = []syscalls.Op{syscalls.Create, syscalls.Mkdir, syscalls.Write, syscalls.Rename}

// sample are some of the calls: those that replace or remove something, the
// ones behind them, and others as the seed says.
func sample(calls []syscalls.Call, r *rand.Rand) []int {
	var list []int
	for i, c := range calls {
		if c.File == "backup.json" || c.File == "restore.unfinished" {
			list = append(list, i, i+1)
		}
	}
	for range sampled {
		list = append(list, r.IntN(len(calls)))
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(i int) bool { return i >= len(calls) })
}

// hit says whether a call is the one to strike at. How many calls there are
// differs from run to run, since some share a sync; those that matter most have
// names.
func hit(calls []syscalls.Call, at, n int, c syscalls.Call) bool {
	if name := calls[at].File; name == "backup.json" || name == "restore.unfinished" {
		return c == calls[at]
	}
	return n == at
}

// TestInterruptedBackup kills a backup right before a call that changes its
// folder, or has the disk be full there. What is there then is the backup
// before it or the new one, whole; and the next backup completes.
func TestInterruptedBackup(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h, r := newHistory(t), rand.New(rand.NewPCG(seed, 0))
	whole := filepath.Join(t.TempDir(), "backup")
	copyFolder(t, h.backup, whole)
	calls, said, err := run(t, command(t, "backup", whole, h.late), whole, goOn)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for i, at := range sample(calls, r) {
		verdict := syscalls.Verdict{Kill: true}
		if i%2 == 1 && slices.Contains(filling, calls[at].Op) {
			verdict = syscalls.Verdict{Errno: unix.ENOSPC}
		}
		t.Run(fmt.Sprintf("%d %s", at, calls[at]), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "backup")
			copyFolder(t, h.backup, dir)
			replaced, struck := false, false
			_, said, err := run(t, command(t, "backup", dir, h.late), dir, func(n int, c syscalls.Call) syscalls.Verdict {
				if hit(calls, at, n, c) {
					struck = true
					return verdict
				}
				replaced = replaced || !struck && c.Op == syscalls.Rename && c.File == "backup.json"
				return syscalls.Verdict{}
			})
			full := strings.Contains(said, "disk of the backup is full") || strings.Contains(said, "no space") ||
				strings.Contains(said, "cannot be written") || // SQLite asks a second time, and then for less
				strings.Contains(said, "unable to open") // of a journal that could not be made it says no more
			switch ids := h.restored(t, dir); {
			case verdict.Kill && struck && err == nil:
				t.Errorf("it was not killed: %s", said)
			case !verdict.Kill && err != nil && !full:
				t.Errorf("of a full disk it says %s", said)
			case !replaced && err != nil && !slices.Equal(ids, h.before):
				t.Errorf("the backup before is gone: %s", said)
			case (replaced || err == nil) && !slices.Equal(ids, h.after):
				t.Errorf("the new backup is not there: %s", said)
			}
			minilab(t, "backup", dir, h.late)
			if ids := h.restored(t, dir); !slices.Equal(ids, h.after) {
				t.Errorf("the next backup has %v, want %v", ids, h.after)
			}
			drafts(t, dir)
		})
	}
}

// drafts fails for what a completed backup must have removed.
func drafts(t *testing.T, dir string) {
	t.Helper()
	for pattern, want := range map[string]int{"*.db": 2, "*.jsonl": 1, "*.json": 1, "*.new": 0, "*-journal": 0, "images/.tmp-*": 0} {
		if list, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(list) != want {
			t.Errorf("%s: %v, want %d, %v", pattern, list, want, err)
		}
	}
}

// TestInterruptedRestore: a folder in which a restore was killed is restored
// whole, or no lab starts on it and the next restore completes.
func TestInterruptedRestore(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h, r := newHistory(t), rand.New(rand.NewPCG(seed, 0))
	whole := filepath.Join(t.TempDir(), "data")
	calls, said, err := run(t, command(t, "restore", h.backup, whole), whole, goOn)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, at := range sample(calls, r) {
		t.Run(fmt.Sprintf("%d %s", at, calls[at]), func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			struck := false
			_, said, err := run(t, command(t, "restore", h.backup, data), data, func(n int, c syscalls.Call) syscalls.Verdict {
				kill := hit(calls, at, n, c)
				struck = struck || kill
				return syscalls.Verdict{Kill: kill}
			})
			if struck == (err == nil) {
				t.Fatalf("killed %v, and it ended with %v: %s", struck, err, said)
			}
			_, marked := os.Stat(filepath.Join(data, "restore.unfinished"))
			if _, err := os.Stat(filepath.Join(data, "taskdb.db")); err == nil && marked != nil {
				if ids := h.tasksOf(t, data); !slices.Equal(ids, h.before) {
					t.Errorf("the folder looks whole with %v, want %v", ids, h.before)
				}
				return
			}
			if marked == nil {
				cmd := command(t, "storage", "--listen=127.0.0.1:0", data)
				cmd.Args = append(cmd.Args, "--kv=http://127.0.0.1:1")
				if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "was interrupted; run `minilab restore` on it again") {
					t.Errorf("the storage starts: %s", out)
				}
			}
			minilab(t, "restore", h.backup, data)
			if ids := h.tasksOf(t, data); !slices.Equal(ids, h.before) {
				t.Errorf("the next restore has %v, want %v", ids, h.before)
			}
		})
	}
}
