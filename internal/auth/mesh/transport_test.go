package mesh

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/problem"
)

func problemOf(w http.ResponseWriter, err error) { problem.Write(w, err, "") }

func TestSignedCalls(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretA)
	caller := member(t, path, "frontend", c).Transport(guarded(t, member(t, path, "master", c), "master"))
	if answer, err := get(t, caller, "http://master/newImage", []byte("image")); answer != "image" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	if _, err := get(t, caller, "http://storage/newImage", nil); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("a call to storage that a master answers: %v", err)
	}
}

// TestRefusedCalls: of who is refused, everybody learns why: the log, once, and
// whoever asks whether the process is ready; but not whose request it was.
func TestRefusedCalls(t *testing.T) {
	for name, tc := range map[string]struct{ there, here, reason string }{
		"other secrets": {secretA, secretB, "is not signed with the secret of this lab"},
		"no secret":     {secretA, "", "there is no token"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			service := guarded(t, member(t, secretFile(t, tc.there), "kv", c), "kv")
			path := ""
			if tc.here != "" {
				path = secretFile(t, tc.here)
			}
			var log bytes.Buffer
			m := logging(t, path, "master", c, &log)
			caller := m.Transport(service)
			for range 3 {
				_, err := get(t, caller, "http://kv/kv/a", bytes.Repeat([]byte("x"), 1<<20))
				f := fault.From(err)
				if f.Kind != fault.Unavailable || f.Code != fault.ErrUnavailable.Code || f.Detail != "" || !strings.Contains(err.Error(), tc.reason) {
					t.Errorf("the caller gets %+v", f)
				}
			}
			if n := strings.Count(log.String(), tc.reason); n != 1 || !strings.Contains(log.String(), "kv at 127.0.0.1:") {
				t.Errorf("it is logged %d times:\n%s", n, log.String())
			}
			if err := m.Accepted(t.Context()); fault.From(err) == nil || fault.From(err).Code != "secret-refused" {
				t.Errorf("the process says that it is ready: %v", err)
			}
			probed(t, caller, tc.here == "")
			if m.Accepted(t.Context()) == nil {
				t.Error("a probe says that it is accepted")
			}
			c.pass(refusalTime + time.Second)
			if err := m.Accepted(t.Context()); err != nil {
				t.Errorf("long after the last refusal: %v", err)
			}
		})
	}
}

// probed asks whether a service is ready, which without a token anybody may.
func probed(t *testing.T, rt http.RoundTripper, want bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://kv/readyz", http.NoBody)
	ok(t, err)
	resp, err := rt.RoundTrip(r)
	if (err == nil) != want {
		t.Errorf("a probe: %v", err)
	}
	if err == nil {
		resp.Body.Close()
	}
}

// TestAcceptedAgain: once the secrets agree the next call says so.
func TestAcceptedAgain(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretB)
	m := member(t, path, "master", c)
	caller := m.Transport(guarded(t, member(t, secretFile(t, secretA), "kv", c), "kv"))
	if _, err := get(t, caller, "http://kv/kv/a", nil); err == nil {
		t.Fatal("it is not refused")
	}
	rewrite(t, path, secretA)
	m.secret.look()
	m.secret.look()
	if _, err := get(t, caller, "http://kv/kv/a", nil); err != nil || m.Accepted(t.Context()) != nil {
		t.Errorf("%v, %v", err, m.Accepted(t.Context()))
	}
}

// TestOtherRefusals: a 401 of a handler is the caller's matter.
func TestOtherRefusals(t *testing.T) {
	m := member(t, secretFile(t, secretA), "frontend", newClock())
	refusing := roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://master/a", http.NoBody)
	ok(t, err)
	resp, err := m.Transport(refusing).RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || m.Accepted(t.Context()) != nil {
		t.Errorf("%v, %v", resp, err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestManyAtOnce: callers, a clock that runs and a file that changes, all
// together; a token is never refused.
func TestManyAtOnce(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretA, secretB)
	m, guards := member(t, path, "frontend", c), []func(http.ResponseWriter, *http.Request) error{}
	members := []*Member{m}
	for i, s := range services {
		members = append(members, member(t, path, s, c))
		guards = append(guards, members[i+1].Guard(s))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all, rotation sync.WaitGroup
	rotation.Go(func() {
		steps := [][]string{{secretA, secretB}, {secretB, secretA}}
		for i := 0; ctx.Err() == nil; i++ {
			rewrite(t, path, steps[i/2%2]...)
			members[i%len(members)].secret.look()
			c.pass(time.Second)
		}
	})
	for range 8 {
		all.Go(func() {
			for i := range 2000 {
				s := i % len(services)
				text, err := m.token(services[s])
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := call(guards[s], "POST", "/a", "Bearer "+text); err != nil && !strings.Contains(err.Error(), "expired") {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	cancel()
	rotation.Wait()
}
