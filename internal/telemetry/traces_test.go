package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"minilab/internal/telemetry"
)

// sink is a receiver of OTLP over HTTP.
type sink struct {
	*httptest.Server
	mu    sync.Mutex
	spans map[string][]*otlp.Span // by the name of their service
	away  bool
}

func newSink(t *testing.T) *sink {
	s := &sink{spans: map[string][]*otlp.Span{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.take))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var batch collector.ExportTraceServiceRequest
	if s.away || err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &batch) != nil {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	for _, of := range batch.ResourceSpans {
		for _, a := range of.Resource.Attributes {
			if a.Key == "service.name" {
				for _, scope := range of.ScopeSpans {
					s.spans[a.Value.GetStringValue()] = append(s.spans[a.Value.GetStringValue()], scope.Spans...)
				}
			}
		}
	}
}

// of are the spans of a service that have come.
func (s *sink) of(service string) []*otlp.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spans[service]
}

func newTraces(t *testing.T, s *sink, c telemetry.TracesConfig) *telemetry.Traces {
	t.Helper()
	c.Endpoint = s.URL
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	traces, err := telemetry.NewTraces(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return traces
}

// serve answers one request, traced by the service, with h.
func serve(traces *telemetry.Traces, service, method, path, traceparent string, h http.HandlerFunc) *httptest.ResponseRecorder {
	mux := chi.NewMux()
	mux.Use(traces.HTTP(service))
	mux.HandleFunc("/things/{id}", h)
	mux.HandleFunc("/livez", h)
	r := httptest.NewRequest(method, path, nil)
	if traceparent != "" {
		r.Header.Set("Traceparent", traceparent)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

const given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func attributesOf(s *otlp.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		all[a.Key] = strings.Trim(strings.TrimPrefix(a.Value.String(), "string_value:"), `"`)
	}
	return all
}

func TestARequestGoesOnWithTheTraceOfItsCaller(t *testing.T) {
	s := newSink(t)
	traces := newTraces(t, s, telemetry.TracesConfig{Version: "7"})
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Traceparent"))
	}))
	defer other.Close()
	var handed string
	serve(traces, "master", "GET", "/things/7?lease=secret", given, func(_ http.ResponseWriter, r *http.Request) {
		out, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, other.URL+"/x?lease=secret", nil)
		resp, err := traces.Transport(http.DefaultTransport).RoundTrip(out)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		handed = string(body)
		if len(out.Header) != 0 {
			t.Errorf("the request that was given got headers: %v", out.Header)
		}
	})
	if err := traces.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	spans := s.of("minilab-master")
	if len(spans) != 2 {
		t.Fatalf("%d spans: %v", len(spans), spans)
	}
	call, request := spans[0], spans[1]
	if request.Name != "GET /things/{id}" || request.Kind != otlp.Span_SPAN_KIND_SERVER || call.Kind != otlp.Span_SPAN_KIND_CLIENT {
		t.Errorf("spans are %v and %v", request, call)
	}
	if hex(request.TraceId)+hex(request.ParentSpanId) != "0af7651916cd43dd8448eb211c80319cb7ad6b7169203331" || hex(call.ParentSpanId) != hex(request.SpanId) {
		t.Errorf("spans belong elsewhere: %v and %v", request, call)
	}
	if want := "00-0af7651916cd43dd8448eb211c80319c-" + hex(call.SpanId) + "-01"; handed != want {
		t.Errorf("handed on %q, want %q", handed, want)
	}
	if a := attributesOf(request); a["http.route"] != "/things/{id}" || a["url.path"] != "/things/7" || a["http.response.status_code"] != "int_value:200" {
		t.Errorf("attributes are %v", a)
	}
	if text := request.String() + call.String(); strings.Contains(text, "secret") {
		t.Errorf("the query is in a span: %s", text)
	}
}

func hex(id []byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range id {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

func TestOnlyCustomersBeginTraces(t *testing.T) {
	s := newSink(t)
	traces := newTraces(t, s, telemetry.TracesConfig{})
	within := func(want bool) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			if got := telemetry.Traceparent(r.Context()) != ""; got != want {
				t.Errorf("%s %s: a trace %v, want %v", r.Method, r.URL.Path, got, want)
			}
		}
	}
	serve(traces, "frontend", "POST", "/things/1", "", within(true))
	serve(traces, "frontend", "GET", "/livez", "", within(false))
	serve(traces, "master", "POST", "/things/1", "", within(false))
	serve(traces, "master", "POST", "/things/1", "00-nonsense", within(false))
	serve(traces, "master", "POST", "/things/1", given, within(true))
	serve(nil, "frontend", "POST", "/things/1", given, within(false))
}

func TestSamplingIsTheCallers(t *testing.T) {
	s := newSink(t)
	traces := newTraces(t, s, telemetry.TracesConfig{})
	var kept string
	serve(traces, "frontend", "GET", "/things/1", strings.TrimSuffix(given, "1")+"0", func(_ http.ResponseWriter, r *http.Request) {
		kept = telemetry.Traceparent(r.Context())
	})
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(s.of("minilab-frontend")) != 0 || !strings.HasPrefix(kept, given[:35]) || !strings.HasSuffix(kept, "-00") {
		t.Errorf("a trace that is not sampled goes on as %q with %d spans", kept, len(s.of("minilab-frontend")))
	}
}

func TestSamplingByTheStandardVariables(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
	t.Setenv("OTEL_SERVICE_NAME", "photos")
	s := newSink(t)
	traces := newTraces(t, s, telemetry.TracesConfig{})
	nothing := func(http.ResponseWriter, *http.Request) {}
	serve(traces, "frontend", "GET", "/things/1", "", nothing)
	serve(traces, "frontend", "GET", "/things/1", given, nothing)
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.of("photos")); n != 1 {
		t.Errorf("%d spans, want that of the sampled caller", n)
	}
}

func TestVariablesThatMakeNoSenseAreLogged(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "sometimes")
	var log bytes.Buffer
	traces := newTraces(t, newSink(t), telemetry.TracesConfig{Log: slog.New(slog.NewTextHandler(&log, nil))})
	traces.Tracer("frontend")
	if !strings.Contains(log.String(), "sometimes") {
		t.Errorf("the log is %q", log.String())
	}
}

func TestTracesAreOffUnlessWanted(t *testing.T) {
	off := func(endpoint string) {
		t.Helper()
		traces, err := telemetry.NewTraces(t.Context(), telemetry.TracesConfig{Endpoint: endpoint, Log: slog.New(slog.DiscardHandler)})
		if traces != nil || err != nil {
			t.Errorf("%v, %v", traces, err)
		}
	}
	off("")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	off("")
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_SDK_DISABLED", "true")
	off("http://127.0.0.1:1")
	t.Setenv("OTEL_SDK_DISABLED", "")
	if traces, err := telemetry.NewTraces(t.Context(), telemetry.TracesConfig{Log: slog.New(slog.DiscardHandler)}); traces == nil || err != nil {
		t.Errorf("%v, %v", traces, err)
	}
}

func TestTheWorkGoesOnWithTheTaskTrace(t *testing.T) {
	s := newSink(t)
	reg := prometheus.NewRegistry()
	traces := newTraces(t, s, telemetry.TracesConfig{Metrics: reg})
	worker, stages := traces.Tracer("worker"), telemetry.NewStages(reg)
	ctx, attempt := worker.Continue(t.Context(), given, "attempt")
	_, stage := stages.Begin(ctx, telemetry.StageFetch)
	stage.End(errors.New("gone"))
	telemetry.End(attempt, nil)
	from := time.Now().Add(-time.Minute)
	traces.Tracer("master").Past(t.Context(), given, "queue", from, from.Add(40*time.Second))
	for _, none := range []string{"", "x", "00-00000000000000000000000000000000-b7ad6b7169203331-01"} {
		_, span := worker.Continue(t.Context(), none, "attempt")
		telemetry.End(span, nil)
		worker.Past(t.Context(), none, "queue", from, from)
	}
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := append(s.of("minilab-worker"), s.of("minilab-master")...)
	if len(list) != 3 || list[0].Name != "fetch" || list[1].Name != "attempt" || list[2].Name != "queue" {
		t.Fatalf("spans are %v", list)
	}
	for _, span := range list {
		if hex(span.TraceId) != given[3:35] {
			t.Errorf("%s is of another trace", span.Name)
		}
	}
	if list[0].Status.GetCode() != otlp.Status_STATUS_CODE_ERROR || list[2].EndTimeUnixNano-list[2].StartTimeUnixNano != uint64(40*time.Second) {
		t.Errorf("spans are %v", list)
	}
	if text := scrape(t, reg); !strings.Contains(text, `minilab_stage_seconds_count{stage="fetch"} 1`) || !strings.Contains(text, `minilab_trace_spans_total{outcome="sent"} 3`) {
		t.Errorf("metrics are\n%s", text)
	}
}

func TestWhoPicksAResultUpLinksToItsTask(t *testing.T) {
	s := newSink(t)
	traces := newTraces(t, s, telemetry.TracesConfig{})
	serve(traces, "frontend", "GET", "/things/1", "", func(_ http.ResponseWriter, r *http.Request) { telemetry.Link(r.Context(), given) })
	serve(traces, "frontend", "GET", "/things/1", given, func(_ http.ResponseWriter, r *http.Request) { telemetry.Link(r.Context(), given) })
	telemetry.Link(t.Context(), given)
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := s.of("minilab-frontend")
	if len(spans) != 2 || len(spans[0].Links) != 1 || hex(spans[0].Links[0].TraceId) != given[3:35] || len(spans[1].Links) != 0 {
		t.Errorf("spans are %v", spans)
	}
}

func TestWhatGoesOnApartIsInNoTrace(t *testing.T) {
	traces := newTraces(t, newSink(t), telemetry.TracesConfig{})
	serve(traces, "frontend", "GET", "/things/1", "", func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		if apart := telemetry.Apart(ctx); telemetry.Traceparent(apart) != "" || apart.Err() != nil {
			t.Errorf("it is in %q, %v", telemetry.Traceparent(apart), apart.Err())
		}
	})
}

func TestAReceiverThatIsAwayIsSaidOnce(t *testing.T) {
	s := newSink(t)
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	traces := newTraces(t, s, telemetry.TracesConfig{Metrics: reg, Log: slog.New(slog.NewTextHandler(&log, nil))})
	span := func(metric string) {
		t.Helper()
		serve(traces, "frontend", "GET", "/things/1", "", func(http.ResponseWriter, *http.Request) {})
		until(t, func() bool { return strings.Contains(scrape(t, reg), metric) })
	}
	s.setAway(true)
	span(`minilab_trace_spans_total{outcome="lost"} 1`)
	span(`minilab_trace_spans_total{outcome="lost"} 2`)
	s.setAway(false)
	span(`minilab_trace_spans_total{outcome="sent"} 1`)
	span(`minilab_trace_spans_total{outcome="sent"} 2`)
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Count(text, "level=WARN") != 1 || strings.Count(text, "traces are sent again") != 1 {
		t.Errorf("the log is\n%s", text)
	}
}

func (s *sink) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// until polls for something that no event tells of.
func until(t *testing.T, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to be")
		}
	}
}

func scrape(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return exposition(t, families)
}

func TestLogLinesOfATraceNameIt(t *testing.T) {
	var log bytes.Buffer
	logger, err := telemetry.NewLogger(&log, telemetry.FormatJSON)
	if err != nil {
		t.Fatal(err)
	}
	traces := newTraces(t, newSink(t), telemetry.TracesConfig{})
	serve(traces, "master", "GET", "/things/1", given, func(_ http.ResponseWriter, r *http.Request) {
		logger.With("service", "master").InfoContext(r.Context(), "within")
	})
	logger.InfoContext(t.Context(), "without")
	lines := strings.Split(log.String(), "\n")
	if !regexp.MustCompile(`"service":"master","trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"[0-9a-f]{16}"}$`).MatchString(lines[0]) || strings.Contains(lines[1], "trace_id") {
		t.Errorf("the log is\n%s", log.String())
	}
}

func TestWithoutTracesNothingIsAllocated(t *testing.T) {
	ctx := trace.ContextWithSpan(t.Context(), trace.SpanFromContext(t.Context()))
	var tracer *telemetry.Tracer
	stages := telemetry.NewStages(nil)
	if n := testing.AllocsPerRun(100, func() {
		ctx, span := tracer.Continue(ctx, given, "attempt")
		_, stage := stages.Begin(ctx, telemetry.StageFetch)
		stage.End(nil)
		telemetry.Link(ctx, given)
		tracer.Past(ctx, given, "queue", time.Time{}, time.Time{})
		if telemetry.Traceparent(ctx) != "" {
			t.Error("there is a trace")
		}
		telemetry.End(span, nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	h := http.NewServeMux()
	if got := (*telemetry.Traces)(nil).HTTP("frontend")(h); got != http.Handler(h) {
		t.Error("there is middleware")
	}
	if got := (*telemetry.Traces)(nil).Transport(http.DefaultTransport); got != http.DefaultTransport {
		t.Error("there is a transport")
	}
}
