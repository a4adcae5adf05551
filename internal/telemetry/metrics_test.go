package telemetry_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"minilab/internal/telemetry"
)

func exposition(t *testing.T, families []*dto.MetricFamily) string {
	t.Helper()
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestOpenStreamsAreCounted(t *testing.T) {
	m := telemetry.NewMetrics("test")
	mux := chi.NewMux()
	mux.Use(m.HTTP("frontend"))
	open := func() bool {
		return strings.Contains(scrape(t, m.Registry), `minilab_http_streams_open{service="frontend"} 1`)
	}
	mux.Get("/events", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, ": hello\n\n")
		if !open() {
			t.Error("an open stream is not counted")
		}
	})
	mux.Get("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusOK)
		if open() {
			t.Error("a page is counted as a stream")
		}
	})
	for _, path := range []string{"/events", "/page"} {
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	if open() {
		t.Error("a stream that has ended is counted")
	}
}
