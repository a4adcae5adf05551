package telemetry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"minilab/internal/telemetry"
)

func TestInventedMethodsAndPathsShareOneSeries(t *testing.T) {
	m := telemetry.NewMetrics("test")
	mux := chi.NewMux()
	mux.Use(m.HTTP("frontend"))
	mux.Get("/known/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	for _, method := range []string{"FOO1", "FOO2", "FOO3", http.MethodGet} {
		for _, path := range []string{"/a", "/b", "/known/1", "/known/2"} {
			mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
		}
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	series := 0
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "minilab_http_requests_total{") {
			series++
		}
		if strings.Contains(line, "FOO") {
			t.Errorf("an invented method is kept: %s", line)
		}
	}
	if series < 2 || series > 4 { // other and GET, routed and not
		t.Errorf("%d series:\n%s", series, w.Body)
	}
	if !strings.Contains(w.Body.String(), `method="GET",route="/known/{id}",service="frontend",status="200"} 2`) {
		t.Errorf("requests are not counted by route:\n%s", w.Body)
	}
}
