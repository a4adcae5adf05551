package crash_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/config"
	"minilab/internal/httpx"
	"minilab/internal/storage"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/taskdbhttp"
	"minilab/internal/trials"
	"minilab/internal/trials/syscalls"
)

// pause is the time between two tries of what a service that is away refuses.
const pause = 20 * time.Millisecond

// stage is a lab of which one process, the victim, is watched, or all.
type stage struct {
	*testing.T
	ctx    context.Context
	victim string // empty: all
	dir    string // its data
	lab    *trials.Lab
	watch  *syscalls.Watch

	drafts func(dir string) error // is an error for those that must not be there

	urls    atomic.Pointer[map[string]string] // by service: what a scenario uses while processes are started
	started int
	known   map[string]bool // tasks that were looked at
	tally   tally
}

func newStage(t *testing.T, topology trials.Topology, victim string, flags ...string) *stage {
	t.Helper()
	dir := t.TempDir()
	// A lease that a kill leaves behind is not to be waited for too long.
	l, err := trials.New(root, dir, topology, append([]string{"--lease=1s", "--workers=1"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	w := watched(t, data)
	s := &stage{T: t, ctx: t.Context(), victim: victim, dir: data, lab: l, watch: w, known: map[string]bool{}, drafts: noDrafts}
	l.Prepare = s.prepare
	t.Cleanup(func() {
		logs := l.KillAll()
		if t.Failed() {
			t.Log(logs)
		}
	})
	s.start()
	return s
}

// watched makes a folder and watches it until the end of the test.
func watched(t *testing.T, dir string) *syscalls.Watch {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	w, err := syscalls.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// prepare gives each start of a victim a name of its own.
func (s *stage) prepare(name string, cmd *exec.Cmd) {
	if s.victim != "" && name != s.victim {
		return
	}
	s.started++
	if err := s.watch.Wrap(fmt.Sprintf("%s#%d", name, s.started), cmd); err != nil {
		s.Error(err)
	}
}

func (s *stage) start() {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if err := s.lab.Start(ctx); err != nil {
		s.Fatal(err)
	}
	urls := map[string]string{}
	for _, service := range config.Services {
		urls[service] = s.lab.URL(service)
	}
	s.urls.Store(&urls)
}

func (s *stage) url(service string) string { return (*s.urls.Load())[service] }

// run runs the scenario with a kill at the point, and starts the victim again
// as soon as it is dead.
func (s *stage) run(p point, scenario func(ctx context.Context)) *trap {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	t := set(s.watch, s.victim, p, death)
	done := make(chan struct{})
	go func() {
		defer close(done)
		scenario(ctx)
	}()
	again := sync.OnceFunc(func() {
		s.lab.Kill(s.victim)
		s.start()
	})
	select {
	case <-t.sprung:
		again()
	case <-done:
	}
	<-done
	if t.end(); t.has() {
		again()
	}
	return t
}

func (s *stage) client(service string) *httpx.Client {
	return httpx.NewClient(s.url(service), http.DefaultTransport)
}

func (s *stage) tasks() taskdb.Store    { return taskdbhttp.NewClient(s.client("taskdb")) }
func (s *stage) storage() storage.Store { return storagehttp.NewClient(s.client("storage")) }

func (s *stage) customer() trials.Customer {
	return trials.Customer{Base: s.url("frontend"), HTTP: &http.Client{Timeout: patience}}
}

// persist repeats what a service that is away makes fail, until ctx ends.
func persist[T any](ctx context.Context, f func() (T, error)) (T, error) {
	for {
		v, err := f()
		if err == nil || ctx.Err() != nil || !passing(err) {
			return v, err
		}
		<-time.After(pause) // there is no event to wait for
	}
}

// passing says whether an error is one of a service that is away.
func passing(err error) bool {
	a, answered := errors.AsType[*trials.Answer](err)
	return !answered || a.Status >= http.StatusInternalServerError
}
