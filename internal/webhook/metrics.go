package webhook

import (
	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/hook"
)

type metrics struct {
	attempts *prometheus.CounterVec
	seconds  prometheus.Histogram
}

func newMetrics(cfg Config) *metrics {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "minilab_webhook_deliveries_total",
			Help: "Attempts to deliver webhooks: taken, again (to be tried again), abandon (given up), unwanted (410 Gone), unsent (left to others).",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "minilab_webhook_delivery_seconds", Help: "Time that receivers of webhooks took to answer, or not to.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
		}),
	}
	for _, o := range []hook.Outcome{hook.Taken, hook.Again, hook.Abandon, hook.Unwanted, hook.Unsent} {
		m.attempts.WithLabelValues(string(o))
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(m.attempts, m.seconds)
	}
	return m
}

func (m *metrics) reported(r hook.Report) {
	m.attempts.WithLabelValues(string(r.Outcome)).Inc()
	if r.Outcome != hook.Unsent {
		m.seconds.Observe(r.Took.Seconds())
	}
}
