package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"minilab/internal/auth/mesh"
	"minilab/internal/config"
	"minilab/internal/httpx"
	"minilab/internal/problem"
	"minilab/internal/telemetry"
)

// internal are the services that only services call, but for the worker, which
// needs an engine to start.
var internal = []string{"kv", "storage", "taskdb", "master"}

func appWith(t *testing.T, cfg config.Config, services ...string) *app {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	a := &app{Options: Options{Services: services, Out: io.Discard, Log: log}, cfg: cfg, metrics: telemetry.NewMetrics("test")}
	a.connections, a.listeners, a.stores = httpx.NewConnections(), map[string]net.Listener{}, map[string]string{}
	a.routers = map[string]*httpx.Router{}
	t.Cleanup(func() { a.close(context.Background()) })
	return a
}

func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := mesh.Create(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// variable is a part of a route that stands for many.
var variable = regexp.MustCompile(`\{[^}]*\}|\*`)

// TestEveryRouteNeedsAToken walks the routers of the services as they run, so
// that a route of tomorrow is in it.
func TestEveryRouteNeedsAToken(t *testing.T) {
	cfg := cfgFor(t.TempDir())
	cfg.SecretFile, cfg.Lease, cfg.SweepGrace = secretFile(t), 30*time.Second, time.Hour
	cfg.Listen = config.Addresses{"kv": "127.0.0.1:0", "storage": "127.0.0.1:0", "taskdb": "127.0.0.1:0", "master": "127.0.0.1:0", "worker": "127.0.0.1:0"}
	a := appWith(t, cfg, append(slices.Clone(internal), "worker")...)
	for _, step := range []func(context.Context) error{a.join, a.listen, a.startKV, a.startDiscovery, a.startStorage, a.startTaskdb, a.startMaster} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a.serve(t.Context(), "worker", a.router("worker")) // all that it serves
	for service, rt := range a.routers {
		good, err := a.member.Token(mesh.Operator, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		routes := rt.Routes()
		if len(routes) < 5 {
			t.Errorf("%s has no routes but %v", service, routes)
		}
		for _, route := range append(routes, "GET /nowhere", "PATCH /kv/a", "BREW /") {
			method, path, _ := strings.Cut(route, " ")
			target := a.url(service) + variable.ReplaceAllString(path, "finished")
			open := slices.Contains([]string{"/livez", "/readyz", "/metrics"}, path)
			for token, want := range map[string]bool{"": open, "x.y.z": path == "/livez", good: true} {
				if status, err := answered(t, method, target, token); (status != http.StatusUnauthorized) != want || (err != nil) == want {
					t.Errorf("%s of %s with the token %.9q is answered %d, %v, want it let through: %v", route, service, token, status, err, want)
				}
			}
		}
	}
	if len(a.routers) != len(internal)+1 {
		t.Errorf("looked at %d services", len(a.routers))
	}
}

// TestPagesCallNoService: without a secret services believe every call, and a
// browser on this machine can make some.
func TestPagesCallNoService(t *testing.T) {
	a := served(t)
	for service, rt := range a.routers {
		for _, route := range rt.Routes() {
			method, path, _ := strings.Cut(route, " ")
			open := slices.Contains([]string{"/livez", "/readyz"}, path)
			for name, header := range map[string]http.Header{
				"another site's": {"Sec-Fetch-Site": {"cross-site"}}, "a rebound": {"Host": {"evil.example"}, "Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://evil.example"}},
			} {
				r := httptest.NewRequest(method, variable.ReplaceAllString(path, "finished"), http.NoBody)
				r.RemoteAddr, r.Header, r.Host = "127.0.0.1:1234", header, "127.0.0.1"
				if header.Get("Host") != "" {
					r.Host = header.Get("Host")
				}
				w := httptest.NewRecorder()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				rt.ServeHTTP(w, r.WithContext(ctx))
				if cancel(); (w.Code == http.StatusForbidden) == open {
					t.Errorf("%s of %s from %s page: %d %s", route, service, name, w.Code, w.Body)
				}
			}
		}
	}
}

// served has the services that only services call, without a secret.
func served(t *testing.T) *app {
	t.Helper()
	cfg := cfgFor(t.TempDir())
	cfg.Lease, cfg.SweepGrace = 30*time.Second, time.Hour
	cfg.Listen = config.Addresses{"kv": "127.0.0.1:0", "storage": "127.0.0.1:0", "taskdb": "127.0.0.1:0", "master": "127.0.0.1:0"}
	a := appWith(t, cfg, internal...)
	for _, step := range []func(context.Context) error{a.join, a.listen, a.startKV, a.startDiscovery, a.startStorage, a.startTaskdb, a.startMaster} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// answered is the status of the answer to a call, and its problem if it is that
// of a missing token.
func answered(t *testing.T, method, target, token string) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		return resp.StatusCode, nil
	}
	if err = problem.Read(resp); method != http.MethodHead && !errors.Is(err, mesh.ErrUnauthorized) {
		t.Errorf("%s %s is answered %v", method, target, err)
	}
	return resp.StatusCode, err
}

// TestBeyondTheLoopback: without a secret a service other than the frontend is
// not started there, and no data is touched.
func TestBeyondTheLoopback(t *testing.T) {
	for _, service := range config.Services {
		for addr, loopback := range map[string]bool{"127.0.0.1:0": true, "127.8.9.1:0": true, "[::1]:0": true, "localhost:0": true, "0.0.0.0:0": false, ":0": false, "[::]:0": false} {
			for _, secured := range []bool{false, true} {
				cfg := cfgFor(filepath.Join(t.TempDir(), "data"))
				cfg.Listen, cfg.Engine = config.Addresses{"": addr}, "/nowhere"
				if secured {
					cfg.SecretFile = secretFile(t)
				}
				a := appWith(t, cfg, service)
				err := a.join(t.Context())
				if err == nil {
					err = a.listen(t.Context())
				}
				refused := err != nil && strings.HasPrefix(err.Error(), service+" would listen on ") && strings.Contains(err.Error(), "--secret-file")
				if want := !loopback && !secured && service != "frontend"; refused != want || !refused && err != nil {
					t.Errorf("%s on %s, with a secret: %v: %v", service, addr, secured, err)
				}
				if _, err := os.Stat(cfg.Data); err == nil {
					t.Error("the data folder was made")
				}
				a.close(t.Context())
			}
		}
	}
}

// TestRunRefuses: it is the error of the whole start, and the port is free again.
func TestRunRefuses(t *testing.T) {
	cfg := cfgFor(filepath.Join(t.TempDir(), "data"))
	cfg.Listen = config.Addresses{"kv": "0.0.0.0:0", "storage": "127.0.0.1:0"}
	var out bytes.Buffer
	err := Run(t.Context(), cfg, Options{Services: []string{"kv", "storage"}, Out: &out, Log: slog.New(slog.DiscardHandler)})
	if err == nil || strings.Count(err.Error(), "would listen") != 1 || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
	if _, err := os.Stat(cfg.Data); err == nil {
		t.Error("the data folder was made")
	}
}
