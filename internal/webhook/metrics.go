package webhook

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/hook"
)

// backlogTime is how long the metrics wait for the outbox.
const backlogTime = 2 * time.Second

type metrics struct {
	attempts *prometheus.CounterVec
	seconds  prometheus.Histogram
}

func newMetrics(ctx context.Context, cfg Config) *metrics {
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
		cfg.Metrics.MustRegister(m.attempts, m.seconds, newBacklog(func() (hook.Backlog, error) {
			ctx, cancel := context.WithTimeout(ctx, backlogTime)
			defer cancel()
			return cfg.Outbox.Backlog(ctx)
		}))
	}
	return m
}

func (m *metrics) reported(r hook.Report) {
	m.attempts.WithLabelValues(string(r.Outcome)).Inc()
	if r.Outcome != hook.Unsent {
		m.seconds.Observe(r.Took.Seconds())
	}
}

// backlog asks the outbox whenever the metrics are read, and says nothing while
// it is away.
type backlog struct {
	ask         func() (hook.Backlog, error)
	due, oldest *prometheus.Desc
}

func newBacklog(ask func() (hook.Backlog, error)) backlog {
	return backlog{
		ask: ask,
		due: prometheus.NewDesc("minilab_webhook_due", "Webhook deliveries of the whole lab whose time has come, counted up to 10,000.", nil, nil),
		oldest: prometheus.NewDesc("minilab_webhook_oldest_due_seconds",
			"How long the most overdue webhook delivery of the whole lab has waited.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (b backlog) Describe(descs chan<- *prometheus.Desc) {
	descs <- b.due
	descs <- b.oldest
}

// Collect implements prometheus.Collector.
func (b backlog) Collect(values chan<- prometheus.Metric) {
	got, err := b.ask()
	if err != nil {
		return
	}
	values <- prometheus.MustNewConstMetric(b.due, prometheus.GaugeValue, float64(got.Due))
	values <- prometheus.MustNewConstMetric(b.oldest, prometheus.GaugeValue, got.Oldest.Seconds())
}
