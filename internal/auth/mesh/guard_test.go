package mesh

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestRoles(t *testing.T) {
	c := newClock()
	m := member(t, secretFile(t, secretA), "command", c)
	calls := []struct {
		service, method, target string
		worker, metrics         bool
	}{
		{"master", "POST", "/getWork?worker=a&accepts=b", true, false},
		{"master", "GET", "/getWork", true, false},
		{"master", "POST", "/heartbeat?id=a&lease=b", true, false},
		{"master", "POST", "/workFinished?id=a", true, false},
		{"master", "POST", "/workFailed?id=a", true, false},
		{"master", "POST", "/workReleased?id=a", true, false},
		{"master", "DELETE", "/getWork", false, false},
		{"master", "POST", "/newImage", false, false},
		{"master", "POST", "/getWork/", false, false},
		{"master", "GET", "/metrics", false, true},
		{"master", "POST", "/metrics", false, false},
		{"storage", "GET", "/images/inProgress/a", true, false},
		{"storage", "HEAD", "/images/inProgress/a%2Fb", true, false},
		{"storage", "GET", "/images/finished/a.1", true, false},
		{"storage", "PUT", "/images/finished/a.1", true, false},
		{"storage", "POST", "/images/finished/a.1", true, false},
		{"storage", "POST", "/images/finished/a.1?from=b.1", false, false},
		{"storage", "PUT", "/images/inProgress/a", false, false},
		{"storage", "DELETE", "/images/finished/a.1", false, false},
		{"storage", "GET", "/images/finished/", false, false},
		{"storage", "GET", "/images/finished/?limit=1000", false, false},
		{"storage", "POST", "/getWork", false, false},
		{"kv", "GET", "/kv/watermarks/a.png", true, false},
		{"kv", "GET", "/kv/watermarks%2Fa.png", true, false},
		{"kv", "GET", "/kv/watermarks/", false, false},
		{"kv", "GET", "/kv/watermarks%2F", false, false},
		{"kv", "GET", "/kv/watermarksx", false, false},
		{"kv", "PUT", "/kv/watermarks/a.png", false, false},
		{"kv", "GET", "/kv/presets/a", false, false},
		{"kv", "GET", "/kv/", false, false},
		{"kv", "GET", "/watch/watermarks/", false, false},
		{"kv", "GET", "/metrics", false, true},
		{"taskdb", "GET", "/tasks", false, false},
		{"taskdb", "GET", "/metrics", false, true},
		{"worker", "GET", "/metrics", false, true},
	}
	for _, role := range append([]Role{Service}, Roles...) {
		text, err := m.signed(m.secret.keys.Load(), role, time.Hour, services...)
		ok(t, err)
		for _, tc := range calls {
			want := role.unbound() || role == Worker && tc.worker || role == Metrics && tc.metrics
			if _, err := call(m.Guard(tc.service), tc.method, tc.target, "Bearer "+text); (err == nil) != want || err != nil && !errors.Is(err, ErrRole) {
				t.Errorf("%s: %s %s of %s: %v, want it allowed: %v", role, tc.method, tc.target, tc.service, err, want)
			}
		}
	}
}

// TestAudiences: a token that is handed out names the services that it is for
// and no others.
func TestAudiences(t *testing.T) {
	c := newClock()
	m := member(t, secretFile(t, secretA), "command", c)
	for role, want := range map[Role]map[string]bool{
		Worker:   {"kv": true, "storage": true, "master": true},
		Operator: {"kv": true, "storage": true, "master": true, "taskdb": true, "worker": true},
		Metrics:  {"kv": true, "storage": true, "master": true, "taskdb": true, "worker": true, "frontend": true},
	} {
		text, err := m.Token(role, time.Hour)
		ok(t, err)
		for _, service := range append([]string{"frontend"}, services...) {
			if _, err := m.checker(service).check("Bearer " + text); (err == nil) != want[service] {
				t.Errorf("%s at %s: %v", role, service, err)
			}
		}
	}
}

func TestProbesNeedNoToken(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretA)
	guard := member(t, path, "kv", c).Guard("kv")
	stranger, err := member(t, secretFile(t, secretB), "kv", c).token("kv")
	ok(t, err)
	for _, tc := range []struct {
		method, target, header string
		open                   bool
	}{
		{"GET", "/livez", "", true},
		{"HEAD", "/readyz?verbose", "", true},
		{"GET", "/livez", "Bearer x", true},
		{"GET", "/readyz", "Bearer " + stranger, false},
		{"POST", "/livez", "", false},
		{"GET", "/livez/", "", false},
		{"GET", "//livez", "", false},
		{"GET", "/metrics", "", false},
		{"GET", "/nowhere", "", false},
		{"GET", "/%6Civez", "", false},
		{"GET", "/kv/..%2F..%2Flivez", "", false},
	} {
		if _, err := call(guard, tc.method, tc.target, tc.header); (err == nil) != tc.open {
			t.Errorf("%s %s %q: %v, want it open: %v", tc.method, tc.target, tc.header, err, tc.open)
		}
	}
	for remote, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true, "10.0.0.1:1": false, "": false, "@": false} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
		r.RemoteAddr = remote
		if err := guard(httptest.NewRecorder(), r); (err == nil) != want {
			t.Errorf("/metrics from %q: %v", remote, err)
		}
	}
}

// TestWithoutASecret: nobody needs a token, and nobody has one.
func TestWithoutASecret(t *testing.T) {
	m := member(t, "", "up", newClock())
	guard := m.Guard("kv")
	for _, header := range []string{"", "Bearer x"} {
		if _, err := call(guard, "DELETE", "/kv/a", header); err != nil {
			t.Errorf("%q: %v", header, err)
		}
	}
	if answer, err := get(t, m.Transport(guarded(t, m, "kv")), "http://kv/kv/a", []byte("x")); answer != "x" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
}
