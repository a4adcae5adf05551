package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"time"

	"minilab/internal/engine"
	"minilab/internal/httpx"
	"minilab/internal/lab/labhttp"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/trials"
	"minilab/internal/worker"
)

// dispatched is how many tasks the time until work begins is measured with.
const dispatched = 300

// dispatch measures the time from an upload's last byte to the engine's start,
// for one customer of five services in processes of their own; the worker runs
// here, where its engine can be watched.
func dispatch(ctx context.Context, o options, t *table) error {
	pool, err := newPool()
	if err != nil {
		return err
	}
	defer pool.Close()
	return withLab(ctx, o, trials.Topology{"kv", "storage", "taskdb", "master", "frontend"}, func(l *trials.Lab) error {
		began := make(chan time.Time, 1)
		stop := startWorker(ctx, l, watched{pool, began})
		defer stop()
		var times []time.Duration
		for range dispatched {
			select {
			case <-began: // of another attempt
			default:
			}
			sent, err := hand(ctx, l.URL("frontend"))
			if err != nil {
				return err
			}
			select {
			case at := <-began:
				times = append(times, at.Sub(sent))
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		t.row("dispatch, six processes: upload sent to engine started", fmt.Sprintf("%d tasks", dispatched), times...)
		return nil
	})
}

// watched is an engine that tells when it is given a job.
type watched struct {
	*engine.Pool
	began chan<- time.Time
}

// Run implements worker.Engine.
func (w watched) Run(ctx context.Context, j engine.Job) (engine.Result, error) {
	select {
	case w.began <- time.Now():
	default: // another attempt at the same image
	}
	return w.Pool.Run(ctx, j)
}

func startWorker(ctx context.Context, l *trials.Lab, e worker.Engine) (stop func()) {
	rt := httpx.NewTransport()
	w := worker.New(worker.Config{
		Name:     "bench",
		Lab:      labhttp.NewClient(httpx.NewClient(l.URL("master"), rt)),
		Storage:  storagehttp.NewClient(httpx.NewClient(l.URL("storage"), rt)),
		Engine:   e,
		Parallel: runtime.NumCPU(),
		Log:      slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
		rt.CloseIdleConnections()
	}
}

// hand hands a tiny image in, waits for its end, and says when its last byte was
// sent.
func hand(ctx context.Context, base string) (sent time.Time, err error) {
	trace := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { sent = time.Now() },
	})
	c := trials.Customer{Base: base, HTTP: &http.Client{Transport: http.DefaultTransport}}
	id, err := c.Upload(trace, tinyImage())
	if err != nil {
		return sent, err
	}
	s, err := c.Await(ctx, id)
	if err == nil && s.Status != "finished" {
		err = errors.New(s.Error.Detail)
	}
	return sent, err
}
