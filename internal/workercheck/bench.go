package workercheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"minilab/internal/app"
	"minilab/internal/config"
	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/kvhttp"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/taskdbhttp"
)

// startTime bounds how long the lab may take to start.
const startTime = 20 * time.Second

// bench is the lab that workers are checked with.
type bench struct {
	Options
	proxy *proxy
	lab   *labhttp.Client
	tasks *taskdbhttp.Client
	stop  func()
}

// newBench starts a lab without a worker, in a folder that goes with it.
func newBench(ctx context.Context, o Options) (*bench, error) {
	dir, err := os.MkdirTemp("", "minilab-worker-check-")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &bench{Options: o}
	var running sync.WaitGroup
	b.stop = func() {
		cancel()
		if b.proxy != nil {
			b.proxy.down()
		}
		running.Wait()
		_ = os.RemoveAll(dir) // a temporary folder
	}
	if err := b.start(ctx, dir, &running); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() { b.stop() }

func (b *bench) start(ctx context.Context, dir string, running *sync.WaitGroup) error {
	p, err := newProxy(ctx)
	if err != nil {
		return err
	}
	b.proxy = p
	services := []string{"kv", "storage", "taskdb", "master"}
	cfg := config.Config{
		Listen: config.Addresses{}, Advertise: config.Addresses{"storage": p.url}, Data: dir,
		Lease: leaseTime, MaxBytes: 1 << 30, MaxPixels: 1 << 30, SweepGrace: time.Hour,
	}
	for _, s := range services {
		cfg.Listen[s] = "127.0.0.1:0"
	}
	if cfg.Listen["storage"], err = freeAddress(ctx); err != nil { // what is announced is the proxy
		return err
	}
	urls, ended := &announced{ready: make(chan struct{})}, make(chan error, 1)
	running.Go(func() {
		ended <- app.Run(ctx, cfg, app.Options{Services: services, Out: urls, Log: slog.New(slog.DiscardHandler)})
	})
	select {
	case <-urls.ready:
	case err := <-ended:
		return fmt.Errorf("the lab for the check does not start: %w", err)
	case <-time.After(startTime):
		return errors.New("the lab for the check does not start in time")
	}
	if err := p.serve(urls.of("master"), "http://"+cfg.Listen["storage"]); err != nil {
		return err
	}
	transport := httpx.NewTransport()
	b.lab = labhttp.NewClient(httpx.NewClient(urls.of("master"), transport))
	b.tasks = taskdbhttp.NewClient(httpx.NewClient(urls.of("taskdb"), transport))
	_, _, err = kvhttp.NewClient(httpx.NewClient(urls.of("kv"), transport)).Put(ctx, "operations/"+b.Operation, b.Declaration, kv.PutOptions{})
	return err
}

// announced reads the URLs that a lab prints once it is ready.
type announced struct {
	mu    sync.Mutex
	text  strings.Builder
	ready chan struct{}
}

// Write implements io.Writer.
func (a *announced) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := strings.Contains(a.text.String(), "ready\n")
	a.text.Write(p)
	if !before && strings.Contains(a.text.String(), "ready\n") {
		close(a.ready)
	}
	return len(p), nil
}

func (a *announced) of(service string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for line := range strings.Lines(a.text.String()) {
		if url, ok := strings.CutPrefix(strings.TrimSpace(line), service+" "); ok {
			return url
		}
	}
	return ""
}

// try makes one check with a worker of its own, and gives what that has printed.
func (b *bench) try(ctx context.Context, c Check) (output string, fault error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.proxy.begin()
	t := &trial{bench: b, ctx: ctx}
	defer func() {
		if t.worker != nil {
			t.worker.kill()
			output = t.worker.output()
		}
		b.clear(ctx)
	}()
	return "", c.run(t)
}

// clear cancels what a check has left behind.
func (b *bench) clear(ctx context.Context) {
	for _, s := range []taskdb.State{taskdb.NotStarted, taskdb.InProgress} {
		page, err := b.tasks.List(ctx, taskdb.Filter{State: s})
		if err != nil {
			continue // the next check will find out
		}
		for _, t := range page.Tasks {
			_, _ = b.tasks.Cancel(ctx, t.ID) // it may have ended
		}
	}
}

// submit hands an image in and gives the task's ID.
func (b *bench) submit(ctx context.Context, s lab.Submission, image []byte) (string, error) {
	s.Size = int64(len(image))
	s.Fresh = true
	t, err := b.lab.Submit(ctx, s, bytes.NewReader(image))
	return t.ID, err
}

// picture is a PNG of some kilobytes.
func picture() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	m := image.NewNRGBA(image.Rect(0, 0, 96, 64))
	for y := range 64 {
		for x := range 96 {
			m.SetNRGBA(x, y, color.NRGBA{uint8(x * 2), uint8(y * 3), uint8(r.IntN(256)), 255})
		}
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, m); err != nil {
		panic(err) // into memory
	}
	return buf.Bytes()
}
