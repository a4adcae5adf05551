package taskdbhttp_test

import (
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"testing"

	"minilab/internal/httpx"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite/sqlitetest"
	"minilab/internal/taskdb/taskdbhttp"
	"minilab/internal/taskdb/taskdbtest"
)

func TestStore(t *testing.T) {
	taskdbtest.Run(t, func(t *testing.T, c taskdbtest.Config) taskdbtest.Subject {
		s := engine(t, sqltaskdb.Options{
			Lease: c.Lease, Deadline: c.Deadline, MaxWaiting: c.MaxWaiting, KeepEvents: c.KeepEvents, KeepFor: c.KeepFor,
			Backoff: c.Backoff, Now: c.Now,
		})
		server := serve(t, t.Context(), s)
		return taskdbtest.Subject{Store: client(t, server.URL), Reap: s.Reap, Trim: s.Trim}
	}, taskdbtest.Options{Lossy: true})
}

func engine(t *testing.T, opt sqltaskdb.Options) *sqltaskdb.Store {
	t.Helper()
	opt.Log = slog.New(slog.DiscardHandler)
	s, err := sqlitetest.Open(t, t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serve runs a server whose requests end with base.
func serve(t *testing.T, base context.Context, s taskdb.Store) *httptest.Server {
	t.Helper()
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	taskdbhttp.Route(rt, s)
	server := httptest.NewUnstartedServer(rt)
	server.Config.BaseContext = func(net.Listener) context.Context { return base }
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func client(t *testing.T, url string) *taskdbhttp.Client {
	t.Helper()
	transport := httpx.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	return taskdbhttp.NewClient(httpx.NewClient(url, transport))
}
