package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter sends spans. It says once that it cannot, and once that it can
// again, and nobody else hears of it: a receiver that is away is not the lab's
// business.
type exporter struct {
	sdktrace.SpanExporter
	log        *slog.Logger
	away       atomic.Bool
	sent, lost prometheus.Counter
}

func newExporter(next sdktrace.SpanExporter, c TracesConfig) *exporter {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "minilab_trace_spans_total", Help: "Spans of traces: sent, or lost because their receiver did not take them.",
	}, []string{"outcome"})
	if c.Metrics != nil {
		c.Metrics.MustRegister(spans)
	}
	return &exporter{SpanExporter: next, log: c.Log, sent: spans.WithLabelValues("sent"), lost: spans.WithLabelValues("lost")}
}

// ExportSpans implements sdktrace.SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		e.lost.Add(float64(len(spans)))
		if !e.away.Swap(true) {
			e.log.WarnContext(ctx, "traces cannot be sent; the lab goes on without", "error", err)
		}
		return nil
	}
	e.sent.Add(float64(len(spans)))
	if e.away.Swap(false) {
		e.log.InfoContext(ctx, "traces are sent again")
	}
	return nil
}
