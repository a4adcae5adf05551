package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"minilab/internal/engine/wire"
)

// maxDeadOnArrival is how many processes in a row may turn out to be dead when
// a job is to be given to them.
const maxDeadOnArrival = 3

// Pool runs jobs in engine processes. Its methods are safe for concurrent use.
type Pool struct {
	config  Config
	log     *slog.Logger
	hello   Hello
	slots   chan struct{} // one for each process that may exist
	starter *starter
	closing chan struct{}
	metrics *metrics

	mu      sync.Mutex
	idle    []*process // least recently used first
	busy    map[*process]struct{}
	closed  bool
	backoff backoff
	dying   sync.WaitGroup
}

// New makes a pool and starts its first process, so that an engine that does
// not work is found out at once. The others start when they are needed.
func New(config Config, log *slog.Logger) (*Pool, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	p := &Pool{
		config:  config,
		log:     log,
		slots:   make(chan struct{}, config.processes()),
		starter: newStarter(),
		closing: make(chan struct{}),
		busy:    make(map[*process]struct{}),
	}
	p.metrics = newMetrics(config.Metrics, p)
	first, err := p.start()
	if err != nil {
		p.starter.close()
		return nil, err
	}
	p.hello = first.hello
	p.idle = append(p.idle, first)
	go p.watchIdle()
	return p, nil
}

// Hello is what the engine said when it started.
func (p *Pool) Hello() Hello { return p.hello }

// Run does a job in a process that has seen no other owner's images. When ctx
// is done the process is killed and Run returns ctx's cause.
func (p *Pool) Run(ctx context.Context, job Job) (Result, error) {
	if ctx.Err() != nil { // with a slot free, select would toss a coin
		return Result{}, context.Cause(ctx)
	}
	if err := job.seal(); err != nil {
		return Result{}, err
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	case <-p.closing:
		return Result{}, ErrClosed
	}
	for range maxDeadOnArrival {
		proc, err := p.take(ctx, job.Owner)
		if err != nil {
			return Result{}, err
		}
		result, err := proc.run(ctx, job)
		if !proc.dead && proc.keeps() {
			proc.die(byUnclean)
		}
		p.put(proc)
		if !errors.Is(err, errNotTaken) { // it died idle and never saw the job
			return result, err
		}
	}
	return Result{}, ErrNoEngine.Because(errNotTaken)
}

// seal makes sure that nothing changes under the decoder.
func (j Job) seal() error {
	if len(j.Outputs) < 1 || len(j.Outputs) > wire.MaxOutputs || len(j.Attachments) > wire.MaxAttachments {
		return fmt.Errorf("engine: a job of %d outputs and %d attachments", len(j.Outputs), len(j.Attachments))
	}
	for _, b := range j.Attachments {
		if err := b.Seal(); err != nil {
			return err
		}
	}
	return j.Input.Seal()
}

// take finds a process for the owner: one of the owner's, else a fresh one,
// else a new one in place of somebody else's.
func (p *Pool) take(ctx context.Context, owner string) (*process, error) {
	proc, ok, err := p.takeIdle(owner)
	if ok || err != nil {
		return proc, err
	}
	if err := p.backoff.wait(ctx, p.closing); err != nil {
		return nil, err
	}
	proc, err = p.start()
	if err != nil {
		return nil, err
	}
	proc.owner, proc.owned = owner, true
	if !p.enlist(proc) {
		p.retire(proc, byClosed)
		return nil, ErrClosed
	}
	return proc, nil
}

func (p *Pool) takeIdle(owner string) (*process, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, ErrClosed
	}
	p.replaceIdle((*process).unasked)
	i := slices.IndexFunc(p.idle, func(q *process) bool { return q.owned && q.owner == owner })
	if i < 0 {
		i = slices.IndexFunc(p.idle, func(q *process) bool { return !q.owned })
	}
	if i < 0 {
		if len(p.idle)+len(p.busy) >= cap(p.slots) {
			p.retire(p.idle[0], byOwner)
			p.idle = slices.Delete(p.idle, 0, 1)
		}
		return nil, false, nil
	}
	proc := p.idle[i]
	p.idle = slices.Delete(p.idle, i, i+1)
	proc.owner, proc.owned, proc.rest = owner, true, 0
	p.busy[proc] = struct{}{}
	return proc, true, nil
}

func (p *Pool) enlist(proc *process) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.busy[proc] = struct{}{}
	}
	return !p.closed
}

// put takes a process back after a job.
func (p *Pool) put(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, proc)
	switch {
	case proc.spent(p.config.Limits.RecycleJobs):
		p.retire(proc, byRecycled)
		return
	case p.closed:
		p.retire(proc, byClosed)
		return
	}
	p.idle = append(p.idle, proc)
}

// retire ends a process without waiting for it. That is why, unless the process
// has a fate of its own.
func (p *Pool) retire(proc *process, why string) {
	p.metrics.ended(proc, why)
	p.dying.Go(proc.end)
}

func (p *Pool) start() (*process, error) {
	proc, err := startProcess(p.config, p.starter, p.log)
	if err != nil {
		p.backoff.failed()
		p.metrics.failedStarts.Inc()
		return nil, ErrNoEngine.Because(err)
	}
	p.backoff.succeeded()
	p.metrics.starts.Inc()
	return proc, nil
}

// Close ends all processes, also those at work, and waits for them. Jobs that
// run return ErrClosed.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	close(p.closing)
	for _, proc := range p.idle {
		p.retire(proc, byClosed)
	}
	p.idle = nil
	for proc := range p.busy {
		proc.kill(ErrClosed)
	}
	p.mu.Unlock()
	for range cap(p.slots) { // until every Run has put its process back
		p.slots <- struct{}{}
	}
	p.dying.Wait()
	p.starter.close()
}

// backoff keeps an engine that does not start from being started all the time.
type backoff struct {
	mu    sync.Mutex
	fails int
	until time.Time
}

func (b *backoff) failed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = time.Now().Add(min(100*time.Millisecond<<b.fails, 10*time.Second))
	b.fails = min(b.fails+1, 10)
}

func (b *backoff) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails, b.until = 0, time.Time{}
}

func (b *backoff) wait(ctx context.Context, closing <-chan struct{}) error {
	b.mu.Lock()
	d := time.Until(b.until)
	b.mu.Unlock()
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-closing:
		return ErrClosed
	}
}
