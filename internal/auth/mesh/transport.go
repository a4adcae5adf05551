package mesh

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"minilab/internal/fault"
	"minilab/internal/problem"
)

// refusalTime is how long a refusal counts that was not followed by another one.
const refusalTime = 15 * time.Second

// errRefused is what a process is told of itself that is not let in elsewhere.
var errRefused = fault.New(fault.Unavailable, "secret-refused", "another service refuses the tokens of this process")

// Transport signs calls to "http://SERVICE/…" on their way to next. One that is
// refused for its token is fault.ErrUnavailable: it is the lab's fault, and never
// that of whose request it was.
func (m *Member) Transport(next http.RoundTripper) http.RoundTripper { return transport{m, next} }

type transport struct {
	member *Member
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	call, err := t.member.sign(r)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // nobody will send it
		}
		return nil, err
	}
	resp, err := t.next.RoundTrip(call)
	if err != nil {
		return resp, err
	}
	instance := instanceOf(r, resp)
	if resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") == challenge {
		defer resp.Body.Close()
		return nil, fault.ErrUnavailable.Because(t.member.refusals.add(instance, problem.Read(resp)))
	}
	if t.member.Secured() || r.URL.Path != probe { // an answer to a probe without a token says nothing
		t.member.refusals.forget(instance)
	}
	return resp, nil
}

// instanceOf is the service that was called, and the address that it was found at.
func instanceOf(call *http.Request, resp *http.Response) string {
	if resp.Request == nil || resp.Request.URL.Host == call.URL.Host {
		return call.URL.Host
	}
	return call.URL.Host + " at " + resp.Request.URL.Host
}

// sign gives a copy of a call with a token, if the lab has a secret.
func (m *Member) sign(r *http.Request) (*http.Request, error) {
	if !m.Secured() {
		return r, nil
	}
	text, err := m.token(r.URL.Host)
	if err != nil {
		return nil, err
	}
	signed := *r
	signed.Header = maps.Clone(r.Header)
	if signed.Header == nil {
		signed.Header = http.Header{}
	}
	signed.Header.Set("Authorization", "Bearer "+text)
	return &signed, nil
}

// Accepted is nil unless another service has lately refused a token of this
// process, or that it had none.
func (m *Member) Accepted(context.Context) error {
	if m.refusals.any() {
		return errRefused
	}
	return nil
}

// refusals are when each instance last refused this process.
type refusals struct {
	now func() time.Time
	log *slog.Logger

	mu sync.RWMutex
	at map[string]time.Time
}

// add notes one, and logs it when it is news.
func (f *refusals) add(instance string, why error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expire()
	if _, known := f.at[instance]; !known {
		f.log.Error("a service refuses the calls of this process", "service", instance, "reason", why)
	}
	f.at[instance] = f.now()
	return errRefused.Because(why)
}

func (f *refusals) forget(instance string) {
	f.mu.RLock()
	_, known := f.at[instance]
	f.mu.RUnlock()
	if known {
		f.mu.Lock()
		delete(f.at, instance)
		f.mu.Unlock()
	}
}

func (f *refusals) any() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expire()
	return len(f.at) > 0
}

// expire is for who holds the lock.
func (f *refusals) expire() {
	now := f.now()
	maps.DeleteFunc(f.at, func(_ string, at time.Time) bool { return now.Sub(at) > refusalTime })
}
