package sweeper

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/storage"
)

// How sweeps end.
const (
	sweepDone    = "done"
	sweepFailed  = "failed"
	sweepRefused = "refused"
)

type metrics struct {
	images, bytes *prometheus.CounterVec
	tasks         prometheus.Counter
	sweeps        *prometheus.CounterVec
	last, took    prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		images: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "minilab_swept_images_total", Help: "Images removed because no task points to them.",
		}, []string{"state"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "minilab_swept_bytes_total", Help: "Bytes of the images removed.",
		}, []string{"state"}),
		tasks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "minilab_swept_tasks_total", Help: "Tasks removed because they were past their retention.",
		}),
		sweeps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "minilab_sweeps_total", Help: "Sweeps of this process: done, failed, or refused because the task database may have forgotten tasks.",
		}, []string{"outcome"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "minilab_sweep_last_timestamp_seconds", Help: "When this process last finished a sweep, in seconds since 1970.",
		}),
		took: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "minilab_sweep_last_duration_seconds", Help: "How long this process's last finished sweep took.",
		}),
	}
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		m.images.WithLabelValues(string(state))
		m.bytes.WithLabelValues(string(state))
	}
	for _, outcome := range []string{sweepDone, sweepFailed, sweepRefused} {
		m.sweeps.WithLabelValues(outcome)
	}
	if reg != nil {
		reg.MustRegister(m.images, m.bytes, m.tasks, m.sweeps, m.last, m.took)
	}
	return m
}

func (m *metrics) removed(o orphan) {
	m.images.WithLabelValues(string(o.state)).Inc()
	m.bytes.WithLabelValues(string(o.state)).Add(float64(o.size))
}

func (m *metrics) done(took time.Duration, err error) {
	switch {
	case errors.Is(err, errForgotten):
		m.sweeps.WithLabelValues(sweepRefused).Inc()
	case err != nil:
		m.sweeps.WithLabelValues(sweepFailed).Inc()
	default:
		m.sweeps.WithLabelValues(sweepDone).Inc()
		m.last.SetToCurrentTime()
		m.took.Set(took.Seconds())
	}
}
