// Package telemetry is what a service shows of itself: log lines, metrics and
// traces.
package telemetry

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"minilab/internal/fault"
)

// Log formats.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// NewLogger writes log lines to w, as "text" or "json". Those of a context with
// a trace have its trace_id and span_id.
func NewLogger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case FormatText:
		return slog.New(traced{slog.NewTextHandler(w, nil)}), nil
	case FormatJSON:
		return slog.New(traced{slog.NewJSONHandler(w, nil)}), nil
	}
	return nil, fault.ErrInvalid.Detailf("log-format is %s or %s, got %q", FormatText, FormatJSON, format)
}

// Metrics are those of one process.
type Metrics struct {
	Registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	busy     *prometheus.GaugeVec
	streams  *prometheus.GaugeVec
	stages   *Stages
	commits  *commits // nil: there is no database here
}

// NewMetrics makes the registry with what every process has.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "minilab_http_requests_total", Help: "Requests answered.",
		}, []string{"service", "route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "minilab_http_request_seconds", Help: "Time from a request's header to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"service", "route"}),
		busy: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "minilab_http_requests_in_flight", Help: "Requests being answered.",
		}, []string{"service"}),
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "minilab_http_streams_open", Help: "Streams of events (SSE) that are open.",
		}, []string{"service"}),
	}
	m.stages = NewStages(m.Registry)
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "minilab_build_info", Help: "1, with the version as a label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.Registry.MustRegister(m.requests, m.seconds, m.busy, m.streams, info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{})
}

// Count shows a number of events that is counted elsewhere.
func (m *Metrics) Count(name, help string, events func() int64) {
	m.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(events()) }))
}

// Stages times what tasks go through in this process.
func (m *Metrics) Stages() *Stages { return m.stages }

// HTTP is middleware that counts and times a service's requests by route.
func (m *Metrics) HTTP(service string) func(http.Handler) http.Handler {
	busy, streams := m.busy.WithLabelValues(service), m.streams.WithLabelValues(service)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			busy.Inc()
			start := time.Now()
			sw := &statusWriter{ResponseWriter: w, streams: streams}
			defer func() {
				busy.Dec()
				sw.end()
				route := chi.RouteContext(r.Context()).RoutePattern()
				m.requests.WithLabelValues(service, route, method(r), strconv.Itoa(sw.status)).Inc()
				m.seconds.WithLabelValues(service, route).Observe(time.Since(start).Seconds())
			}()
			next.ServeHTTP(sw, r)
			sw.note(http.StatusOK) // that of an answer without any
		})
	}
}

// method is the request's method as a label: anybody may invent methods, and
// each label value costs memory for ever.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// eventStream is the content type of a stream of events.
const eventStream = "text/event-stream"

// statusWriter remembers the status of an answer, and whether it is a stream.
type statusWriter struct {
	http.ResponseWriter
	status  int
	streams prometheus.Gauge // of those that are open; nil: not counted
	stream  bool
}

// note takes the status down that the answer begins with.
func (s *statusWriter) note(status int) {
	if s.status >= http.StatusOK {
		return
	}
	s.status = status
	if s.streams != nil && status == http.StatusOK && strings.HasPrefix(s.Header().Get("Content-Type"), eventStream) {
		s.stream = true
		s.streams.Inc()
	}
}

// Hijack implements http.Hijacker: a stream that goes on without its request is
// counted until its connection is closed.
func (s *statusWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(s.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if s.note(http.StatusOK); !s.stream {
		return c, rw, nil
	}
	s.stream = false
	return &streamConn{Conn: c, closed: sync.OnceFunc(s.streams.Dec)}, rw, nil
}

// streamConn is the connection of a stream that is counted.
type streamConn struct {
	net.Conn
	closed func()
}

// Close implements io.Closer.
func (c *streamConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

func (s *statusWriter) end() {
	if s.stream {
		s.streams.Dec()
	}
}

// WriteHeader implements http.ResponseWriter.
func (s *statusWriter) WriteHeader(status int) {
	s.note(status)
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *statusWriter) Write(p []byte) (int, error) {
	s.note(http.StatusOK)
	return s.ResponseWriter.Write(p)
}

// ReadFrom implements io.ReaderFrom, so that files go out by sendfile.
func (s *statusWriter) ReadFrom(r io.Reader) (int64, error) {
	s.note(http.StatusOK)
	return io.Copy(s.ResponseWriter, r)
}

// Unwrap lets http.ResponseController through.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
