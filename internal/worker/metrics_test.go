package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/engine"
	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/telemetry"
	"minilab/internal/worker"
)

// bench is a lab that gives one work and hears of its end.
type bench struct {
	work chan lab.Work
	done chan string
	lost error // of every report, if not nil

	beats  chan string // the traceparent of each heartbeat
	ending chan string // and of the report of success
}

func (b *bench) Claim(ctx context.Context, _ lab.ClaimRequest) ([]lab.Work, error) {
	select {
	case w := <-b.work:
		return []lab.Work{w}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *bench) Heartbeat(ctx context.Context, _, _ string, _ lab.Beat) error {
	select {
	case b.beats <- telemetry.Traceparent(ctx):
	default: // nobody wants to know of so many
	}
	return b.lost
}

func (b *bench) Finish(ctx context.Context, _, _ string, _ lab.Report) error {
	b.ending <- telemetry.Traceparent(ctx)
	return b.hear("finished")
}

func (b *bench) Fail(_ context.Context, _, _ string, f lab.Failure) error {
	return b.hear("failed " + f.Code)
}

func (b *bench) Release(context.Context, string, string) error { return b.hear("released") }

func (b *bench) hear(what string) error {
	if b.lost == nil {
		b.done <- what
	}
	return b.lost
}

// observed is a worker with its metrics.
type observed struct {
	*bench
	reg  *prometheus.Registry
	stop func()
}

func observe(t *testing.T, e worker.Engine, lost error) observed {
	t.Helper()
	s, err := filestorage.Open(t.TempDir(), filestorage.Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Put(t.Context(), storage.InProgress, "k", strings.NewReader("x"), storage.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	o := observed{&bench{
		make(chan lab.Work, 1), make(chan string, 9), lost, make(chan string, 1), make(chan string, 9),
	}, prometheus.NewRegistry(), nil}
	traces, err := telemetry.NewTraces(t.Context(), telemetry.TracesConfig{Endpoint: "http://127.0.0.1:1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := worker.New(worker.Config{
		Name: "w", Lab: o.bench, Storage: s, Engine: e, Parallel: 3, Log: slog.New(slog.DiscardHandler),
		Metrics: o.reg, Stages: telemetry.NewStages(o.reg), Tracer: traces.Tracer("worker"),
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	o.stop = func() { cancel(); running.Wait() }
	t.Cleanup(o.stop)
	o.work <- lab.Work{
		ID: "a", Lease: "1.x", LeaseSeconds: 0.3, DeadlineSeconds: 60, Pipeline: pipeline.Default(),
		Source: lab.Source{Key: "k", Size: 1}, Outputs: []lab.Target{{Key: "out"}}, Trace: given,
	}
	return o
}

// value is that of a series, written as NAME LABEL…; histograms tell their count.
func (o observed) value(t *testing.T, series string) float64 {
	t.Helper()
	families, err := o.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			if name == series {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return -1
}

func (o observed) expect(t *testing.T, want map[string]float64) {
	t.Helper()
	for series, v := range want {
		if got := o.value(t, series); got != v {
			t.Errorf("%s is %v, want %v", series, got, v)
		}
	}
}

func TestAttemptsAreCountedByHowTheyEnd(t *testing.T) {
	for i, c := range []struct {
		err    error
		heard  string
		series string
	}{
		{nil, "finished", "minilab_worker_attempts_total  finished"},
		{engine.ErrBroken, "failed broken-image", "minilab_worker_attempts_total broken-image failed"},
		{engine.ErrCrashed, "failed decoder-crashed", "minilab_worker_attempts_total decoder-crashed retried"},
		{errors.New("a defect"), "failed internal", "minilab_worker_attempts_total internal retried"},
		{fault.ErrUnavailable, "released", "minilab_worker_attempts_total unavailable released"},
		{fault.New(fault.Invalid, "invented-by-a-caller", "x"), "failed invented-by-a-caller", "minilab_worker_attempts_total other failed"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			o := observe(t, engineFunc(func(ctx context.Context, j engine.Job) (engine.Result, error) {
				if c.err != nil {
					return engine.Result{}, c.err
				}
				return upper(ctx, j)
			}), nil)
			if heard := <-o.done; heard != c.heard {
				t.Errorf("the master heard %q", heard)
			}
			o.stop()
			stored := 0.0
			if c.err == nil {
				stored = 1
			}
			o.expect(t, map[string]float64{
				c.series: 1, "minilab_worker_attempts_running": 0, "minilab_worker_busy": 0, "minilab_worker_capacity": 3,
				"minilab_stage_seconds fetch": 1, "minilab_stage_seconds wait": 1, "minilab_stage_seconds engine": 1, "minilab_stage_seconds store": stored,
			})
		})
	}
}

func TestABusyWorkerIsSeen(t *testing.T) {
	altering := make(chan struct{})
	o := observe(t, engineFunc(func(ctx context.Context, _ engine.Job) (engine.Result, error) {
		close(altering)
		<-ctx.Done()
		return engine.Result{}, context.Cause(ctx)
	}), nil)
	<-altering
	o.expect(t, map[string]float64{"minilab_worker_busy": 1, "minilab_worker_attempts_running": 1, "minilab_worker_attempts_total  released": 0})
	o.stop()
	o.expect(t, map[string]float64{"minilab_worker_busy": 0, "minilab_worker_attempts_total  released": 1})
}

func TestLostLeasesAreCounted(t *testing.T) {
	for lost, series := range map[error]string{
		lab.ErrCanceled:      "minilab_worker_attempts_total canceled lost",
		fault.ErrUnavailable: "minilab_worker_attempts_total  expired",
	} {
		o := observe(t, engineFunc(func(ctx context.Context, _ engine.Job) (engine.Result, error) {
			<-ctx.Done()
			return engine.Result{}, ctx.Err()
		}), lost)
		deadline := time.Now().Add(20 * time.Second)
		for o.value(t, series) != 1 {
			if time.Now().After(deadline) {
				t.Fatalf("%s stays %v", series, o.value(t, series))
			}
			time.Sleep(time.Millisecond)
		}
		o.stop()
	}
}

// given is the trace that the work comes with.
const given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestTheWorkIsInItsTraceAndHeartbeatsAreInNone(t *testing.T) {
	var o observed
	beat, within := make(chan string, 1), make(chan string, 1)
	started := make(chan struct{})
	o = observe(t, engineFunc(func(ctx context.Context, j engine.Job) (engine.Result, error) {
		<-started
		within <- telemetry.Traceparent(ctx)
		beat <- <-o.beats
		return upper(ctx, j)
	}), nil)
	close(started)
	if heard := <-o.done; heard != "finished" {
		t.Fatal(heard)
	}
	if got := <-beat; got != "" {
		t.Errorf("a heartbeat is in the trace %s", got)
	}
	for what, got := range map[string]string{"the engine": <-within, "the report": <-o.ending} {
		if !strings.HasPrefix(got, given[:35]) || got == given {
			t.Errorf("%s is in the trace %q", what, got)
		}
	}
}
