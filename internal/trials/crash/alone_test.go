package crash_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/kvhttp"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/taskdbhttp"
	"minilab/internal/trials/syscalls"
)

// alone is one service of its own, without a lab, which is quick to start.
type alone struct {
	*testing.T
	service string
	dir     string
	watch   *syscalls.Watch
	started int

	cmd   *exec.Cmd
	url   string // empty: it has ended without becoming ready
	log   strings.Builder
	ended chan struct{}
}

func newAlone(t *testing.T, service string) *alone {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	a := &alone{T: t, service: service, dir: dir, watch: watched(t, dir)}
	t.Cleanup(a.kill)
	return a
}

// start returns when the service is ready, or has ended.
func (a *alone) start() {
	a.Helper()
	bin, err := filepath.Abs(filepath.Join(root, "bin", "minilab"))
	if err != nil {
		a.Fatal(err)
	}
	a.started++
	a.url, a.ended = "", make(chan struct{})
	a.log.Reset()
	cmd := exec.Command(bin, "serve", a.service, "--data="+a.dir, "--listen=127.0.0.1:0", "--min-free=1MiB")
	if a.service != "kv" {
		cmd.Args = append(cmd.Args, "--kv=http://127.0.0.1:1") // nobody is there, and nobody needs to be
	}
	cmd.Stderr = &a.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		a.Fatal(err)
	}
	if err := a.watch.Wrap(fmt.Sprintf("%s#%d", a.service, a.started), cmd); err != nil {
		a.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		a.Fatal(err)
	}
	a.cmd = cmd
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		_, a.url, _ = strings.Cut(lines.Text(), " ")
	}
	go func() {
		defer close(a.ended)
		_ = cmd.Wait() // it was killed, or says so in its log
	}()
}

// startWell fails unless the service becomes ready.
func (a *alone) startWell() {
	a.Helper()
	if a.start(); a.url == "" {
		<-a.ended
		a.Fatalf("%s does not start: %s", a.service, a.log.String())
	}
}

func (a *alone) kill() {
	if a.cmd != nil {
		_ = a.cmd.Process.Kill() // it may have ended
		<-a.ended
	}
}

func (a *alone) stop() {
	a.Helper()
	_ = a.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-a.ended:
	case <-time.After(patience):
		a.Fatalf("%s does not stop", a.service)
	}
}

func (a *alone) client() *httpx.Client { return httpx.NewClient(a.url, http.DefaultTransport) }

// use writes an entry of the service's kind; has checks that it is there.
func (a *alone) use(ctx context.Context, name string) error {
	switch a.service {
	case "kv":
		_, _, err := kvhttp.NewClient(a.client()).Put(ctx, name, []byte(name), kv.PutOptions{})
		return err
	case "storage":
		_, err := storagehttp.NewClient(a.client()).Put(ctx, storage.Finished, name, strings.NewReader(name), storage.PutOptions{Size: int64(len(name))})
		return err
	}
	_, _, err := taskdbhttp.NewClient(a.client()).Create(ctx, taskdb.Task{ID: name, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: name}})
	return err
}

func (a *alone) has(ctx context.Context, name string) error {
	switch a.service {
	case "kv":
		e, err := kvhttp.NewClient(a.client()).Get(ctx, name)
		if err == nil && string(e.Value) != name {
			err = fmt.Errorf("the value is %q", e.Value)
		}
		return err
	case "storage":
		_, err := storagehttp.NewClient(a.client()).Stat(ctx, storage.Finished, name)
		return err
	}
	_, err := taskdbhttp.NewClient(a.client()).Get(ctx, name)
	return err
}

// works fails unless what was written is there and more can be written.
func (a *alone) works(p point, had ...string) {
	a.Helper()
	ctx, cancel := context.WithTimeout(a.Context(), patience)
	defer cancel()
	if err := a.use(ctx, "fresh"); err != nil {
		a.Fatalf("%v: after it: %v", p, err)
	}
	for _, name := range slices.Concat(had, []string{"fresh"}) {
		if err := a.has(ctx, name); err != nil {
			a.Fatalf("%v: %s is lost: %v", p, name, err)
		}
	}
	if a.service == "storage" {
		if err := errors.Join(wholeFiles(a.dir), noDrafts(a.dir)); err != nil {
			a.Fatalf("%v: %v", p, err)
		}
	}
}

// empty takes all data away.
func (a *alone) empty() {
	a.Helper()
	entries, err := os.ReadDir(a.dir)
	for _, e := range entries {
		if err == nil {
			err = os.RemoveAll(filepath.Join(a.dir, e.Name()))
		}
	}
	if err != nil {
		a.Fatal(err)
	}
}

var services = []string{"storage", "taskdb", "kv"}

// TestFirstStart kills services that make their data: folders, the schema of
// the database.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			a := newAlone(t, service)
			var counts tally
			enumerate(t, 2, func(p point) *trap {
				tr := set(a.watch, service, p, death)
				a.start()
				tr.end()
				a.kill()
				a.startWell()
				a.works(p)
				a.kill()
				a.empty()
				counts.spring(tr, "restarted")
				return tr
			})
			counts.log(t)
		})
	}
}

// TestStop kills services that stop, when SQLite moves its log into the file,
// and the start after that.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"taskdb", "kv"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			a := newAlone(t, service)
			var counts tally
			had := []string{"a", "b", "c"}
			enumerate(t, 2, func(p point) *trap {
				a.startWell()
				for _, name := range had {
					if err := a.use(t.Context(), name); err != nil {
						t.Fatal(err)
					}
				}
				tr := set(a.watch, service, p, death)
				a.stop()
				if *every && !tr.has() {
					a.start() // the later points are in the next start
					a.kill()
				}
				tr.end()
				a.startWell()
				a.works(p, had...)
				a.kill()
				counts.spring(tr, "restarted, nothing lost")
				a.empty()
				return tr
			})
			counts.log(t)
		})
	}
}

// TestPut kills the key-value store that is told a value, and told another.
func TestPut(t *testing.T) {
	t.Parallel()
	a := newAlone(t, "kv")
	var counts tally
	last := "0" // what was acknowledged
	var n int
	enumerate(t, 2, func(p point) *trap {
		a.startWell()
		n++
		next := fmt.Sprint(n)
		tr := set(a.watch, "kv", p, death)
		_, _, err := kvhttp.NewClient(a.client()).Put(t.Context(), "notes/x", []byte(next), kv.PutOptions{})
		tr.end()
		a.kill()
		a.startWell()
		e, got := kvhttp.NewClient(a.client()).Get(t.Context(), "notes/x")
		value := string(e.Value)
		if got != nil || value != next && (err == nil || value != last) {
			t.Fatalf("%v: the value is %q, %v; it was %q and became %q with the answer %v", p, value, got, last, next, err)
		}
		counts.spring(tr, fmt.Sprintf("answered: %t, new value there: %t", err == nil, value == next))
		last = value
		a.kill()
		return tr
	})
	counts.log(t)
}
