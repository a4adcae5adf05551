// Package worker is a client of the master: it claims work, reads the image
// from the storage, has an engine process alter it, stores the result and
// reports. It claims ahead, so that reading, altering and writing overlap.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/engine"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/storage"
	"minilab/internal/telemetry"
)

// Engine alters images; engine.Pool is the real one.
type Engine interface {
	Run(ctx context.Context, j engine.Job) (engine.Result, error)
}

// Config is what a worker works with.
type Config struct {
	Name     string // told to the master with each claim
	Lab      lab.Workers
	Storage  storage.Store
	KV       kv.Store // where images to be laid over others are kept
	Engine   Engine
	Parallel int // images altered at once, usually one per core
	Log      *slog.Logger

	Metrics prometheus.Registerer // nil: none
	Stages  *telemetry.Stages     // nil: they are not timed
	Tracer  *telemetry.Tracer     // nil: no traces
}

// claimWait is how long one claim waits for work.
const claimWait = 10 * time.Second

// Pauses after a part of the lab was found away, doubling from the first to
// the last.
const (
	pauseMin = 200 * time.Millisecond
	pauseMax = 5 * time.Second
)

// errStopping is the cause of attempts that end because the worker does.
var errStopping = errors.New("the worker is stopping")

// storingShare is how many results may be on their way into the storage for
// each image that is altered. Storing waits for the disk, so it needs company.
const storingShare = 8

// Worker works until it is told to stop.
type Worker struct {
	Config
	slots    chan struct{} // one for each task claimed and not yet altered
	altering chan struct{} // one for each image in the engine
	storing  chan struct{} // one for each task altered and not yet reported
	trouble  trouble
	metrics  *metrics
}

// New makes a worker. For each image that is altered it claims another one
// ahead, whose bytes come meanwhile, and no more: what it holds nobody else can
// work on. An altered image makes room for the next claim.
func New(c Config) *Worker {
	w := &Worker{
		Config:   c,
		slots:    make(chan struct{}, 2*c.Parallel),
		altering: make(chan struct{}, c.Parallel),
		storing:  make(chan struct{}, storingShare*c.Parallel),
	}
	w.metrics = newMetrics(w)
	return w
}

// Run works until ctx ends; then it gives back what it holds and returns.
func (w *Worker) Run(ctx context.Context) {
	attempts, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer context.AfterFunc(ctx, func() { stop(errStopping) })()
	var running sync.WaitGroup
	defer running.Wait()
	request := uuid.NewString()
	for {
		n := w.reserve(ctx)
		if n == 0 {
			return
		}
		asked := time.Now()
		list, err := w.Lab.Claim(ctx, lab.ClaimRequest{Worker: w.Name, Max: n, Wait: claimWait, Request: request})
		for _, work := range list {
			running.Go(func() { w.attempt(attempts, work) })
		}
		w.free(n - len(list))
		if err != nil {
			// The same request once more: what was leased for it is not lost.
			w.pause(ctx, "work cannot be claimed", err)
			continue
		}
		request = uuid.NewString()
		if len(list) == 0 && time.Since(asked) < pauseMin {
			w.trouble.report() // a master that does not wait must not be asked without end
		}
		w.trouble.settle(ctx)
	}
}

// reserve waits for a free slot, takes all that are free and says how many; 0
// when ctx has ended.
func (w *Worker) reserve(ctx context.Context) int {
	if ctx.Err() != nil {
		return 0
	}
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n := 1; ; n++ {
		select {
		case w.slots <- struct{}{}:
		default:
			return n
		}
	}
}

func (w *Worker) free(n int) {
	for range n {
		<-w.slots
	}
}

func (w *Worker) pause(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	w.Log.WarnContext(ctx, what, "error", err)
	w.trouble.report()
	w.trouble.settle(ctx)
}

// trouble slows claiming down while a part of the lab is away, so that work is
// not claimed and given back in a tight circle.
type trouble struct {
	mu    sync.Mutex
	fresh bool
	next  time.Duration
}

// report says that a part of the lab was found away.
func (t *trouble) report() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh = true
}

// settle pauses if there was trouble since the last time, longer each time.
func (t *trouble) settle(ctx context.Context) {
	t.mu.Lock()
	fresh := t.fresh
	t.fresh = false
	if !fresh {
		t.next = pauseMin
	}
	d := max(t.next, pauseMin)
	if fresh {
		t.next = min(2*d, pauseMax)
	}
	t.mu.Unlock()
	if !fresh {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
