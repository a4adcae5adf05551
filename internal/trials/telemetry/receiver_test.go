// The trial: whole labs tell of what they do, by traces, metrics and log lines,
// and what is written down of that is held against it.
package telemetry_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// span is one of a trace.
type span struct {
	service, name, trace, id, parent string
	links                            []string // traces
	from, to                         uint64   // nanoseconds
	failed                           bool
}

// receiver takes traces by OTLP over HTTP.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []span
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var batch collector.ExportTraceServiceRequest
	if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &batch) != nil {
		http.Error(w, "this is no trace", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range batch.ResourceSpans {
		service := ""
		for _, a := range of.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, read(service, s))
			}
		}
	}
}

func read(service string, s *otlp.Span) span {
	got := span{
		service: service, name: s.Name, trace: hex.EncodeToString(s.TraceId), id: hex.EncodeToString(s.SpanId),
		parent: hex.EncodeToString(s.ParentSpanId), from: s.StartTimeUnixNano, to: s.EndTimeUnixNano,
		failed: s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR,
	}
	for _, l := range s.Links {
		got.links = append(got.links, hex.EncodeToString(l.TraceId))
	}
	return got
}

// of are the spans of a trace, or all without one.
func (r *receiver) of(trace string) []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []span
	for _, s := range r.spans {
		if trace == "" || s.trace == trace {
			list = append(list, s)
		}
	}
	return list
}
