package labhttp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
)

// TestRefusedWorkIsNotGiven beside the error either: a worker begins all that
// it gets, and what was leased for a repeated request comes with its answer.
func TestRefusedWorkIsNotGiven(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"work":[{"id":"a","lease":"1.x","leaseSeconds":30,"deadlineSeconds":60},
			{"id":"b","lease":"1.x","leaseSeconds":30,"deadlineSeconds":60}]}`)
	}))
	defer srv.Close()
	l := labhttp.NewClient(httpx.NewClient(srv.URL, httpx.NewTransport()))
	if list, err := l.Claim(t.Context(), lab.ClaimRequest{Worker: "w", Max: 1}); err == nil || len(list) > 0 {
		t.Errorf("got %d works and the error %v", len(list), err)
	}
}
