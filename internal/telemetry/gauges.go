package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Gauge shows a number that is known elsewhere.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Gauges shows numbers that are known elsewhere, one for each of the label's
// values.
func (m *Metrics) Gauges(name, help, label string, values []string, value func(of string) float64) {
	for _, of := range values {
		m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: name, Help: help, ConstLabels: prometheus.Labels{label: of},
		}, func() float64 { return value(of) }))
	}
}

// Commits shows the transactions of a database; what it gives is to be told of
// each.
func (m *Metrics) Commits(database string) func(operations int, took time.Duration) {
	if m.commits == nil {
		m.commits = newCommits(m.Registry)
	}
	seconds, operations := m.commits.seconds.WithLabelValues(database), m.commits.operations.WithLabelValues(database)
	return func(n int, took time.Duration) {
		seconds.Observe(took.Seconds())
		operations.Observe(float64(n))
	}
}

type commits struct{ seconds, operations *prometheus.HistogramVec }

func newCommits(reg prometheus.Registerer) *commits {
	c := &commits{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "minilab_commit_seconds", Help: "Time that transactions of the embedded databases take, the disk's sync included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"database"}),
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "minilab_commit_operations", Help: "Operations that shared a transaction of the embedded databases.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256},
		}, []string{"database"}),
	}
	reg.MustRegister(c.seconds, c.operations)
	return c
}
