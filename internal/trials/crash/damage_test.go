package crash_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/taskdbhttp"
	"minilab/internal/trials"
)

// edit changes a file while nobody uses it.
func edit(t *testing.T, path string, change func(data []byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(data), 0o640)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flip(data []byte) []byte {
	data[len(data)/2] ^= 0x10
	return data
}

func cut(data []byte) []byte { return data[:len(data)/2] }

// imageDamages are what may happen to an image's file.
var imageDamages = map[string]func(t *testing.T, path string){
	"a bit has flipped": func(t *testing.T, path string) { edit(t, path, flip) },
	"it is cut":         func(t *testing.T, path string) { edit(t, path, cut) },
	"a bit has flipped and the attribute is gone": func(t *testing.T, path string) {
		edit(t, path, flip)
		if err := unix.Removexattr(path, "user.minilab"); err != nil {
			t.Fatal(err)
		}
	},
	"it is gone": func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	},
}

// TestDamagedResult is told to who asks for it: no byte of it comes.
func TestDamagedResult(t *testing.T) {
	t.Parallel()
	for name, topology := range map[string]trials.Topology{"up": trials.OneProcess, "six": trials.SixProcesses} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, topology, "storage")
			before := trials.PNG(300, 200, 1)
			for name, damage := range imageDamages {
				id, err := s.customer().Upload(s.ctx, before)
				if err == nil {
					err = s.exact(s.ctx, id, before)
				}
				if err != nil {
					t.Fatal(err)
				}
				damage(t, filepath.Join(s.dir, string(storage.Finished), id+".1"))
				got, err := s.customer().Result(s.ctx, id)
				if a, ok := err.(*trials.Answer); !ok || a.Status != http.StatusInternalServerError || a.Code != "corrupt" { //nolint:errorlint // it is not wrapped
					t.Errorf("%s: %d bytes came with %v", name, len(got), err)
				}
			}
			if n := metric(t, s.url("storage"), "minilab_storage_damaged_total"); n == "0" || n == "" {
				t.Errorf("%s damaged images are counted", n)
			}
			if logs := s.lab.KillAll(); !strings.Contains(logs, "image is damaged") {
				t.Errorf("nothing is logged: %s", logs)
			}
		})
	}
}

// TestDamagedSource fails its task, with a reason, and no other.
func TestDamagedSource(t *testing.T) {
	t.Parallel()
	s := newStage(t, trials.SixProcesses, "storage")
	before := trials.PNG(300, 200, 1)
	s.lab.Kill("worker")
	ids := map[string]string{}
	for name := range imageDamages {
		id, err := s.customer().Upload(s.ctx, before)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = id
	}
	well, err := s.customer().Upload(s.ctx, before)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range imageDamages {
		if name != "it is gone" { // which may pass: that folder is not mounted yet, say
			damage(t, filepath.Join(s.dir, string(storage.InProgress), ids[name]))
		}
	}
	s.start()
	for name, id := range ids {
		st, err := s.customer().Await(s.ctx, id)
		if name == "it is gone" {
			continue
		}
		if err != nil || st.Status != "failed" || st.Error.Code != "source-damaged" {
			t.Errorf("%s: it became %+v, %v", name, st, err)
		}
		task, err := s.tasks().Get(s.ctx, id)
		if err != nil || task.Token != 1 {
			t.Errorf("%s: it was tried %d times, %v", name, task.Token, err)
		}
	}
	if err := s.exact(s.ctx, well, before); err != nil {
		t.Error(err)
	}
}

// metric is the value of a metric without labels.
func metric(t *testing.T, base, name string) string {
	t.Helper()
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "\n"+name+" ")
	value, _, _ := strings.Cut(after, "\n")
	return value
}

// names are tasks in the order of their making.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("task-%02d", i)
	}
	return list
}

// filled is a task database that was killed: the schema is in its file, and the
// tasks are in its log.
func filled(t *testing.T, tasks []string) *alone {
	t.Helper()
	a := newAlone(t, "taskdb")
	a.startWell()
	a.stop()
	a.startWell()
	for _, name := range tasks {
		if err := a.use(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	a.kill()
	return a
}

// TestTornLog damages the log of a database at many places. What was committed
// before the place is there, what comes behind it is not, and it works.
func TestTornLog(t *testing.T) {
	t.Parallel()
	tasks := names(12)
	a := filled(t, tasks)
	saved := t.TempDir()
	if err := os.CopyFS(filepath.Join(saved, "data"), os.DirFS(a.dir)); err != nil {
		t.Fatal(err)
	}
	damages := map[string]func(data []byte, at int) []byte{
		"cut":       func(data []byte, at int) []byte { return data[:at] },
		"garbled":   func(data []byte, at int) []byte { data[at] ^= 0x40; return data },
		"torn page": func(data []byte, at int) []byte { copy(data[at:], slices.Repeat([]byte{0xa5}, 512)); return data },
	}
	r := rand.New(rand.NewPCG(*seed, 1))
	for name, damage := range damages {
		last := -1
		for i := range 8 {
			at, kept := 0, 0
			a.empty()
			if err := os.CopyFS(a.dir, os.DirFS(filepath.Join(saved, "data"))); err != nil {
				t.Fatal(err)
			}
			edit(t, filepath.Join(a.dir, "taskdb.db-wal"), func(data []byte) []byte {
				at = (len(data)-1)*i/8 + r.IntN(len(data)/8)
				return damage(data, at)
			})
			a.startWell()
			for n, task := range tasks {
				if a.has(t.Context(), task) == nil {
					if kept++; kept != n+1 {
						t.Errorf("-seed %d: %s at %d: %s is there and one before it is not", *seed, name, at, task)
					}
				}
			}
			if kept < last {
				t.Errorf("-seed %d: %s at %d: only %d tasks are there, of a longer log than the one that had %d", *seed, name, at, kept, last)
			}
			last = kept
			a.works(point{}, tasks[:kept]...)
			a.kill()
		}
		if last < len(tasks)/2 {
			t.Errorf("%s near the end: %d of %d tasks are there", name, last, len(tasks))
		}
	}
}

// TestGarbledDatabase damages one page of a database after the other. Either
// that is said, with the file's name, or all is there.
func TestGarbledDatabase(t *testing.T) {
	t.Parallel()
	const page = 4096
	tasks := names(12)
	a := filled(t, tasks)
	a.startWell()
	a.stop()
	path := filepath.Join(a.dir, "taskdb.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	for at := 0; at < len(whole); at += page {
		edit(t, path, func([]byte) []byte {
			data := append([]byte{}, whole...)
			clear(data[at : at+page])
			return data
		})
		a.start()
		if a.url == "" {
			<-a.ended
			if said++; !strings.Contains(a.log.String(), path+" is damaged or is not a database") {
				t.Errorf("page %d: it says %s", at/page, a.log.String())
			}
			continue
		}
		list, err := taskdbhttp.NewClient(a.client()).List(context.Background(), taskdb.Filter{})
		if err != nil || len(list.Tasks) != len(tasks) {
			t.Errorf("page %d: %d tasks are there, %v, and nothing is said", at/page, len(list.Tasks), err)
		}
		a.kill()
	}
	t.Logf("%d pages of %d are missed when it starts", said, len(whole)/page)
	if said == 0 {
		t.Error("no damage was said")
	}
}
