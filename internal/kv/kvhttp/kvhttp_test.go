package kvhttp_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/kvhttp"
	"minilab/internal/kv/kvtest"
	"minilab/internal/kv/sqlitekv"
)

// kept is how many changes the stores of these tests keep.
const kept = 1500

func TestClientIsAStore(t *testing.T) {
	kvtest.Run(t, create, kvtest.Options{Reopen: reopen, Compact: compact})
}

// remote is a client of a handler of an engine.
type remote struct {
	*kvhttp.Client
	engine *sqlitekv.Store
	server *httptest.Server
	path   string
}

func create(t *testing.T) kv.Store {
	return open(t, filepath.Join(t.TempDir(), "kv.db"))
}

func open(t *testing.T, path string) remote {
	t.Helper()
	engine, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: path, Events: kept})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(routes(engine))
	r := remote{kvhttp.NewClient(httpx.NewClient(server.URL, server.Client().Transport)), engine, server, path}
	t.Cleanup(func() { r.close(t) })
	return r
}

func routes(store kv.Store) *httpx.Router {
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	kvhttp.Route(rt, store)
	return rt
}

func (r remote) close(t *testing.T) {
	t.Helper()
	if err := r.engine.Close(); err != nil {
		t.Error(err)
	}
	r.server.Close()
}

func reopen(t *testing.T, s kv.Store) kv.Store {
	t.Helper()
	old := s.(remote)
	old.close(t)
	return open(t, old.path)
}

func compact(t *testing.T, s kv.Store) {
	t.Helper()
	for i := range kept {
		if _, _, err := s.(remote).engine.Put(t.Context(), fmt.Sprintf("compact/%d", i%10), nil, kv.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func engine(t *testing.T) *sqlitekv.Store {
	t.Helper()
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db"), Events: kept})
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

// roundTripper is an http.RoundTripper made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
