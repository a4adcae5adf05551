package mesh

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that a test sets.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time        { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) pass(by time.Duration) { c.ns.Add(int64(by)) }

const (
	secretA = "a-secret-of-at-least-thirty-two-bytes-a"
	secretB = "a-secret-of-at-least-thirty-two-bytes-b"
)

// secretFile is one with those lines.
func secretFile(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	rewrite(t, path, lines...)
	return path
}

func rewrite(t testing.TB, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func member(t testing.TB, path, name string, c *clock) *Member {
	t.Helper()
	return logging(t, path, name, c, io.Discard)
}

func logging(t testing.TB, path, name string, c *clock, to io.Writer) *Member {
	t.Helper()
	m, err := join(path, name, slog.New(slog.NewTextHandler(to, nil)), c.now)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// call asks the guard of a service, with an Authorization header unless it is empty.
func call(guard func(http.ResponseWriter, *http.Request) error, method, target, authorization string) (http.Header, error) {
	r := httptest.NewRequestWithContext(context.Background(), method, target, http.NoBody)
	r.RemoteAddr = "192.0.2.7:4711"
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	err := guard(w, r)
	return w.Header(), err
}

// lab is a guarded service, and the transport of a caller to it.
func guarded(t testing.TB, m *Member, service string) http.RoundTripper {
	t.Helper()
	guard := m.Guard(service)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := guard(w, r); err != nil {
			problemOf(w, err)
			return
		}
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(s.Close)
	return toHost{strings.TrimPrefix(s.URL, "http://")}
}

// toHost sends every call to one address, as the balancer does.
type toHost struct{ host string }

// RoundTrip implements http.RoundTripper.
func (h toHost) RoundTrip(r *http.Request) (*http.Response, error) {
	c := r.Clone(r.Context())
	c.URL.Host, c.Host = h.host, ""
	return http.DefaultTransport.RoundTrip(c)
}

func get(t testing.TB, rt http.RoundTripper, url string, body []byte) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if r.Header.Get("Authorization") != "" {
		t.Error("the caller's own request was changed")
	}
	answer, err := io.ReadAll(resp.Body)
	return string(answer), err
}
