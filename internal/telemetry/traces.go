package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// lastExport is how long the spans that are left may take to be sent when the
// process stops.
const lastExport = 2 * time.Second

// scope is the name of what makes the spans.
const scope = "minilab"

// TracesConfig says where spans go. What it does not say, OpenTelemetry's own
// variables do: OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER, OTEL_BSP_*,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME.
type TracesConfig struct {
	Endpoint string // base URL of a receiver of OTLP over HTTP; empty: as OTEL_EXPORTER_OTLP_ENDPOINT says
	Version  string
	Metrics  prometheus.Registerer // nil: none
	Log      *slog.Logger
}

// Traces sends the spans of one process. A nil one makes none, at no cost.
type Traces struct {
	version   string
	processor sdktrace.SpanProcessor
	providers map[string]*sdktrace.TracerProvider // by service
}

// NewTraces makes it, or nil where nobody has said where spans go.
func NewTraces(ctx context.Context, c TracesConfig) (*Traces, error) {
	if !wanted(c.Endpoint) {
		return nil, nil //nolint:nilnil // a nil one is one that makes no spans
	}
	var options []otlptracehttp.Option
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil {
			return nil, fmt.Errorf("otlp-endpoint: %w", err)
		}
		options = append(options, otlptracehttp.WithEndpointURL(u.JoinPath("v1", "traces").String()))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { c.Log.Warn("traces are not as they should be", "error", err) }))
	sender, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return &Traces{
		version:   c.Version,
		processor: sdktrace.NewBatchSpanProcessor(newExporter(sender, c)),
		providers: map[string]*sdktrace.TracerProvider{},
	}, nil
}

func wanted(endpoint string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return endpoint != "" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Tracer makes the spans of a service, whose name in the traces is
// minilab-SERVICE unless OTEL_SERVICE_NAME is set. It is for the start of a
// process, not for several goroutines at once.
func (t *Traces) Tracer(service string) *Tracer {
	if t == nil {
		return nil
	}
	p := t.providers[service]
	if p == nil {
		p = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(t.processor), sdktrace.WithResource(t.resource(service)))
		t.providers[service] = p
	}
	return &Tracer{p.Tracer(scope)}
}

func (t *Traces) resource(service string) *resource.Resource {
	ours := resource.NewSchemaless(
		attribute.String("service.name", "minilab-"+service), attribute.String("service.namespace", "minilab"),
		attribute.String("service.version", t.version), attribute.Int("process.pid", os.Getpid()),
	)
	all, err := resource.Merge(ours, resource.Environment())
	if err != nil {
		return ours // OTEL_RESOURCE_ATTRIBUTES of another schema
	}
	return all
}

// Close sends what is left, for a short while.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lastExport)
	defer cancel()
	_ = t.processor.Shutdown(ctx) // its only fault is that time is up, and what cannot be sent is told by the exporter
	return nil
}
