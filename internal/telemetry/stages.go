package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// The stages of a task, from its upload to its result.
const (
	StageQueue  = "queue"  // ready, until a worker claims it
	StageFetch  = "fetch"  // the worker reads the bytes
	StageWait   = "wait"   // for an engine that is free
	StageEngine = "engine" // decode, alter, encode
	StageStore  = "store"  // the worker stores the results
	StageTotal  = "total"  // from the task's creation to its finish
)

var stages = []string{StageQueue, StageFetch, StageWait, StageEngine, StageStore, StageTotal}

// Stages times what a task goes through, and makes spans of it. A nil one makes
// spans only.
type Stages struct{ seconds *prometheus.HistogramVec }

// NewStages makes them; reg may be nil.
func NewStages(reg prometheus.Registerer) *Stages {
	s := &Stages{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "minilab_stage_seconds",
		Help:    "Time that tasks spend in each stage: queue and total as the master sees them, fetch, wait (for an engine), engine and store as the worker does. Failed tries count too, but in total.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
	}, []string{"stage"})}
	for _, stage := range stages {
		s.seconds.WithLabelValues(stage)
	}
	if reg != nil {
		reg.MustRegister(s.seconds)
	}
	return s
}

// Observe counts a stage that took so long.
func (s *Stages) Observe(stage string, took time.Duration) {
	if s != nil {
		s.seconds.WithLabelValues(stage).Observe(max(0, took.Seconds()))
	}
}

// Stage is one that has begun.
type Stage struct {
	of    *Stages
	name  string
	began time.Time
	span  trace.Span
}

// Begin begins a stage; ctx has its span.
func (s *Stages) Begin(ctx context.Context, name string) (context.Context, Stage) {
	ctx, span := Start(ctx, name)
	return ctx, Stage{s, name, time.Now(), span}
}

// End ends it, with the error if there is one.
func (s Stage) End(err error) {
	s.of.Observe(s.name, time.Since(s.began))
	if s.span.SpanContext().IsValid() {
		End(s.span, err)
	}
}
