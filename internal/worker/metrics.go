package worker

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/engine"
	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
)

// How attempts end.
const (
	outcomeFinished = "finished"
	outcomeFailed   = "failed"   // for good
	outcomeRetried  = "retried"  // failed, and may be tried again
	outcomeReleased = "released" // given back: the worker stops, or a part of the lab is away
	outcomeLost     = "lost"     // the lease was another's, or the task was canceled
	outcomeExpired  = "expired"  // the lease could not be kept alive
	outcomeUnheard  = "unheard"  // nobody knows whether the report of success was heard
)

// codes are the values that the label code may have; any other is "other". It
// is empty where there is no error.
var codes = func() map[string]bool {
	known := map[string]bool{"": true}
	for _, f := range []*fault.Fault{
		engine.ErrNotImage, engine.ErrBroken, engine.ErrTooManyPixels, engine.ErrOutputTooLarge, engine.ErrAnimation,
		engine.ErrColour, engine.ErrNoPage, engine.ErrOperation, engine.ErrCrashed, engine.ErrTimeout, engine.ErrMemory,
		engine.ErrNoEngine, engine.ErrClosed, errSource, errDeadline, lab.ErrReference, lab.ErrLeaseLost, lab.ErrCanceled,
		lab.ErrOutput, pipeline.ErrInvalid, storage.ErrNotFound, storage.ErrUnreadable, storage.ErrCorrupt,
		fault.ErrUnavailable, fault.ErrNoSpace, fault.ErrInternal,
	} {
		known[f.Code] = true
	}
	return known
}()

// metrics of one worker.
type metrics struct {
	running  prometheus.Gauge
	attempts *prometheus.CounterVec
}

func newMetrics(w *Worker) *metrics {
	m := &metrics{
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "minilab_worker_attempts_running", Help: "Tasks that the worker holds, those that it has claimed ahead included.",
		}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "minilab_worker_attempts_total",
			Help: "Attempts that ended, by outcome (finished, failed, retried, released, lost, expired, unheard) and by the code of the error; codes that are not the lab's own are other.",
		}, []string{"outcome", "code"}),
	}
	for _, outcome := range []string{outcomeFinished, outcomeFailed, outcomeRetried, outcomeReleased, outcomeLost, outcomeExpired, outcomeUnheard} {
		m.attempts.WithLabelValues(outcome, "")
	}
	if w.Metrics != nil {
		w.Metrics.MustRegister(m.running, m.attempts,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "minilab_worker_busy", Help: "Images that the worker alters now."},
				func() float64 { return float64(len(w.altering)) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "minilab_worker_capacity", Help: "Images that the worker alters at once at most."},
				func() float64 { return float64(cap(w.altering)) }))
	}
	return m
}

// ended counts an attempt that ended so, with that error or none.
func (m *metrics) ended(outcome string, err error) {
	code := ""
	if err != nil {
		code = fault.From(err).Code
	}
	if errors.Is(err, errStopping) || errors.Is(err, errLeaseSpent) {
		code = "" // the outcome says it all
	}
	if !codes[code] {
		code = "other"
	}
	m.attempts.WithLabelValues(outcome, code).Inc()
}
