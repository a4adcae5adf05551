package labhttp_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"minilab/internal/httpx"
	"minilab/internal/lab/labhttp"
	"minilab/internal/lab/labtest"
	"minilab/internal/master/mastertest"
)

func TestClient(t *testing.T) {
	labtest.Run(t, func(t *testing.T) labtest.Fixture {
		f := mastertest.Open(t)
		rt := httpx.NewRouter(slog.New(slog.DiscardHandler), httpx.WithRequestID)
		labhttp.Route(rt, f.Lab)
		srv := httptest.NewServer(rt)
		t.Cleanup(srv.Close)
		f.Lab = labhttp.NewClient(httpx.NewClient(srv.URL, httpx.NewTransport()))
		return f
	})
}
