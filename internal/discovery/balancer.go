package discovery

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"minilab/internal/fault"
)

// penalty is how long an instance that could not be connected to is passed
// over, as long as there is another.
const penalty = 5 * time.Second

// Balancer is a http.RoundTripper for requests to "http://<service>/…": it
// sends each to one of the service's instances in turn. An instance that cannot
// be connected to is left at once for the next; a request that has been sent is
// never sent again, but an instance that broke it or left it without an answer
// is passed over for a while too.
type Balancer struct {
	next    http.RoundTripper
	resolve func(service string) []string

	mu    sync.Mutex
	turns map[string]int       // of each service
	dead  map[string]time.Time // until when a base URL is passed over
}

// NewBalancer makes one; resolve gives the base URLs of a service.
func NewBalancer(next http.RoundTripper, resolve func(service string) []string) *Balancer {
	return &Balancer{next: next, resolve: resolve, turns: map[string]int{}, dead: map[string]time.Time{}}
}

// RoundTrip implements http.RoundTripper.
func (b *Balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	body := newHeldBody(r.Body)
	defer body.release()
	service := r.URL.Host
	var last error
	for _, base := range b.order(service) {
		resp, err := b.try(r, base, body)
		if err == nil || callerGaveUp(r) {
			return resp, err
		}
		b.bury(base)
		if !isDialError(err) || r.Context().Err() != nil {
			return nil, err
		}
		last = err
	}
	if last == nil {
		_ = body.Close() // nobody will send it
		return nil, fault.ErrUnavailable.Detailf("no %s is known", service)
	}
	return nil, last
}

func (b *Balancer) try(r *http.Request, base string, body *heldBody) (*http.Response, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fault.ErrUnavailable.Because(err)
	}
	c := r.Clone(r.Context())
	c.URL.Scheme, c.URL.Host = u.Scheme, u.Host
	c.Host = ""
	if r.Body != nil && r.Body != http.NoBody {
		c.Body = body
	}
	return b.next.RoundTrip(c)
}

// order is the service's instances from the next in turn on, those lately
// found dead last.
func (b *Balancer) order(service string) []string {
	all := b.resolve(service)
	if len(all) == 0 {
		return nil
	}
	start := b.turn(service) % len(all)
	alive, dead := make([]string, 0, len(all)), []string(nil)
	for i := range all {
		base := all[(start+i)%len(all)]
		if b.buried(base) {
			dead = append(dead, base)
		} else {
			alive = append(alive, base)
		}
	}
	return append(alive, dead...)
}

func (b *Balancer) turn(service string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turns[service]++
	return b.turns[service]
}

// bury notes that a base URL is to be passed over, and forgets old notes.
func (b *Balancer) bury(base string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(b.dead, func(_ string, until time.Time) bool { return now.After(until) })
	b.dead[base] = now.Add(penalty)
}

func (b *Balancer) buried(base string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	until, ok := b.dead[base]
	return ok && time.Now().Before(until)
}

// callerGaveUp says whether a request ended for a reason that has nothing to do
// with the instance. A limit on the answer's time, whose cause says that the
// service is unavailable, has.
func callerGaveUp(r *http.Request) bool {
	return r.Context().Err() != nil && !errors.Is(context.Cause(r.Context()), fault.ErrUnavailable)
}

func isDialError(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// heldBody keeps a request's body from being closed by an attempt that could
// not connect, so that the next attempt can send it.
type heldBody struct {
	io.ReadCloser
	mu   sync.Mutex
	open bool // closing is passed on
	shut bool // somebody has asked for closing
}

func newHeldBody(body io.ReadCloser) *heldBody { return &heldBody{ReadCloser: body} }

// Close implements io.Closer; before release it is only noted.
func (h *heldBody) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shut = true
	if !h.open || h.ReadCloser == nil {
		return nil
	}
	return h.ReadCloser.Close()
}

// release lets closings through, also one that was asked for before.
func (h *heldBody) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = true
	if h.shut && h.ReadCloser != nil {
		_ = h.ReadCloser.Close() // a request's body: nobody reads its error
	}
}
