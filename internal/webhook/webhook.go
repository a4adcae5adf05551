// Package webhook delivers what the outbox holds: it tells receivers that tasks
// have ended, signed as https://www.standardwebhooks.com has it, until they
// take it or a day is over.
//
//	d := webhook.New(webhook.Config{Outbox: tasks, Caller: outbound.New(…), Log: log})
//	d.Run(ctx)
//
// Any number of deliverers share an outbox. A delivery is held by one of them
// while it is attempted, so that no two send the same at a time; one that dies
// in between leaves it to the others, who send it again under the same ID. Each
// endpoint has a few calls at a time, so that one that is slow holds up nobody
// else. Nothing here polls.
package webhook

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/hook"
)

const (
	// hold covers two rounds of calls to an endpoint and their reports.
	hold = time.Minute

	claimWait   = time.Minute
	firstPause  = 250 * time.Millisecond // when the outbox is away, doubled
	longPause   = 10 * time.Second
	reportTime  = 10 * time.Second
	reportTries = 6
)

// Caller makes calls to addresses that outsiders name. It follows no redirects
// and refuses what is not theirs to reach; see package outbound.
type Caller interface {
	Do(req *http.Request) (*http.Response, error)
}

// Config is what a deliverer works with.
type Config struct {
	Outbox   hook.Outbox
	Caller   Caller
	Parallel int                   // calls at a time; 256
	Each     int                   // of them to one endpoint; 4
	CallTime time.Duration         // that one may take; 15 s
	Grace    time.Duration         // for calls under way when the process stops; 5 s
	Jitter   func() float64        // from 0 to 1; rand.Float64
	Metrics  prometheus.Registerer // nil: none
	Log      *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Parallel <= 0 {
		c.Parallel = 256
	}
	if c.Each <= 0 {
		c.Each = 4
	}
	if c.CallTime <= 0 {
		c.CallTime = 15 * time.Second
	}
	if c.Grace <= 0 {
		c.Grace = 5 * time.Second
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	return c
}

// Deliverer makes the calls.
type Deliverer struct {
	cfg     Config
	board   *board
	metrics *metrics
	calls   sync.WaitGroup
}

// New makes a deliverer.
func New(cfg Config) *Deliverer {
	cfg = cfg.withDefaults()
	return &Deliverer{cfg: cfg, board: newBoard(cfg.Parallel, cfg.Each), metrics: newMetrics(cfg)}
}

var errStopping = errors.New("the process stops")

// Run delivers until ctx ends. Calls under way then have a few seconds more;
// what has not been sent is left to others at once.
func (d *Deliverer) Run(ctx context.Context) {
	calls, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(nil)
	for pause := firstPause; ctx.Err() == nil; {
		list, err := d.claim(ctx)
		switch {
		case err == nil:
			pause = firstPause
			for _, one := range list {
				d.calls.Go(func() { d.deliver(ctx, calls, one) })
			}
		case ctx.Err() == nil:
			d.cfg.Log.Warn("deliveries could not be claimed", "error", err)
			rest(ctx, pause)
			pause = min(2*pause, longPause)
		}
	}
	timer := time.AfterFunc(d.cfg.Grace, func() { abandon(errStopping) })
	defer timer.Stop()
	d.calls.Wait()
}

// claim waits for deliveries that there is room for. It gives none, and no
// error, when there is room for others than it has asked for.
func (d *Deliverer) claim(ctx context.Context) ([]hook.Claimed, error) {
	asking, room, err := d.board.ask(ctx)
	if err != nil {
		return nil, err
	}
	list, err := d.cfg.Outbox.ClaimDeliveries(asking, hook.ClaimRequest{
		Max: min(room.free, hook.MaxClaim), Each: d.cfg.Each, Busy: room.busy, Hold: hold, Wait: claimWait,
	})
	stale := errors.Is(context.Cause(asking), errStale)
	d.board.asked(list)
	if err != nil && stale {
		return nil, nil
	}
	return list, err
}

// deliver attempts a delivery when its endpoint has a place, and reports.
func (d *Deliverer) deliver(ctx, calls context.Context, one hook.Claimed) {
	defer d.board.done(one.Endpoint)
	report := hook.Report{Outcome: hook.Unsent}
	if d.board.enter(ctx, one.Endpoint) {
		report = d.attempt(calls, one)
		d.board.leave(one.Endpoint)
	}
	report.ID, report.Hold = one.ID, one.Hold
	d.metrics.reported(report)
	d.report(calls, report)
}

// report tells the outbox, a few times if it is away. What it never hears of
// is sent again when the hold is over.
func (d *Deliverer) report(ctx context.Context, r hook.Report) {
	pause := firstPause
	for range reportTries {
		err := d.reportOnce(context.WithoutCancel(ctx), r)
		if err == nil || errors.Is(err, hook.ErrHoldLost) {
			return
		}
		d.cfg.Log.Warn("a delivery could not be reported", "message", r.ID, "outcome", string(r.Outcome), "error", err)
		if ctx.Err() != nil {
			return
		}
		rest(ctx, pause)
		pause *= 2
	}
}

func (d *Deliverer) reportOnce(ctx context.Context, r hook.Report) error {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	errs, err := d.cfg.Outbox.ReportDeliveries(ctx, []hook.Report{r})
	return errors.Join(append(errs, err)...)
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
