package workercheck

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/storage/storagehttp"
)

// maxBody bounds what one call may carry, in bytes.
const maxBody = 256 << 20

// The calls that a worker makes; any other is named by its path.
const (
	getWork      = "getWork"
	heartbeat    = "heartbeat"
	workFinished = "workFinished"
	workFailed   = "workFailed"
	workReleased = "workReleased"
	source       = "source" // GET of the image
	store        = "store"  // POST or PUT of a result
)

// call is one call of the worker.
type call struct {
	kind   string
	method string
	path   string // of the request
	query  url.Values
	token  string // of its Authorization header
	body   []byte // of a report
	size   int64  // bytes of the body
	sha256 string // of the body
	at     time.Time
	status int       // 0: not answered yet
	answer []byte    // of getWork, or of an error
	done   time.Time // when it was answered
}

// faults are what a check breaks. Functions that are nil break nothing.
type faults struct {
	instead func(call, http.ResponseWriter) bool             // answers in the service's place
	after   func(call, http.ResponseWriter) bool             // the service has done it, and this is answered
	source  func(http.ResponseWriter, *http.Request, []byte) // gives the image
}

// proxy stands between the worker and the lab, notes every call and breaks what
// it is told to.
type proxy struct {
	ctx             context.Context //nolint:containedctx // of every call, since it begins to listen again and again
	url             string
	client          *http.Client
	master, storage string

	mu      sync.Mutex
	server  *http.Server
	faults  faults
	calls   []*call
	changed chan struct{} // closed at the next change
}

func newProxy(ctx context.Context) (*proxy, error) {
	address, err := freeAddress(ctx)
	return &proxy{ctx: ctx, url: "http://" + address, client: &http.Client{Transport: httpx.NewTransport()}, changed: make(chan struct{})}, err
}

// Addresses are not among those that the kernel gives to outgoing connections
// (from 32768 on), one of which would have the port when the proxy comes back.
const lowestPort, highestPort = 12000, 32000

// freeAddress is one of the loopback that nobody listens on.
func freeAddress(ctx context.Context) (address string, err error) {
	for range 100 {
		address = fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(highestPort-lowestPort))
		var l net.Listener
		if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", err
}

// serve begins to take calls for the lab.
func (p *proxy) serve(master, storage string) error {
	p.master, p.storage = master, storage
	return p.up()
}

// up listens, where it has listened before.
func (p *proxy) up() error {
	l, err := (&net.ListenConfig{}).Listen(p.ctx, "tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		return err
	}
	s := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return p.ctx }}
	p.mu.Lock()
	p.server = s
	p.mu.Unlock()
	go func() { _ = s.Serve(l) }() // until down
	return nil
}

// down refuses all connections and cuts those that there are.
func (p *proxy) down() {
	p.mu.Lock()
	s := p.server
	p.server = nil
	p.mu.Unlock()
	if s != nil {
		_ = s.Close() // cut is cut
	}
}

// begin forgets the calls and the faults of an earlier check.
func (p *proxy) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls, p.faults = nil, faults{}
}

func (p *proxy) broken(f faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// seen is a copy of the calls of a kind, and what tells of the next change.
func (p *proxy) seen(kinds ...string) ([]call, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []call
	for _, c := range p.calls {
		if len(kinds) == 0 || slices.Contains(kinds, c.kind) {
			list = append(list, *c)
		}
	}
	return list, p.changed
}

// note changes a call under the lock and tells who waits.
func (p *proxy) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{kind: kindOf(r), method: r.Method, path: r.URL.Path, query: r.URL.Query(), token: r.Header.Get("Authorization"), at: time.Now()}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler) // the worker has cut it
	}
	sum := sha256.Sum256(body)
	c.size, c.sha256 = int64(len(body)), hex.EncodeToString(sum[:])
	if c.kind != store {
		c.body = body
	}
	var f faults
	p.note(func() {
		p.calls = append(p.calls, c)
		f = p.faults
	})
	answer := &noted{ResponseWriter: w, tell: func(status int) {
		p.note(func() { c.status, c.done = status, time.Now() })
	}}
	if f.instead == nil || !f.instead(*c, answer) {
		p.forward(answer, r, c, f, body)
	}
}

// noted tells of the status before the caller can know it.
type noted struct {
	http.ResponseWriter
	tell func(status int)
}

// WriteHeader implements http.ResponseWriter.
func (n *noted) WriteHeader(status int) {
	n.tell(status)
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController flush.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func kindOf(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.URL.Path, "/images/inProgress/") && r.Method == http.MethodGet:
		return source
	case strings.HasPrefix(r.URL.Path, "/images/finished/") && (r.Method == http.MethodPost || r.Method == http.MethodPut):
		return store
	}
	return strings.TrimPrefix(r.URL.Path, "/")
}

func (p *proxy) forward(w http.ResponseWriter, r *http.Request, c *call, f faults, body []byte) {
	base := p.master
	if strings.HasPrefix(r.URL.Path, "/images/") {
		base = p.storage
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, base+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Expect")                 // the body is here
	req.Header.Del(storagehttp.HeaderMemory) // all bytes are to come by here
	resp, err := p.client.Do(req)
	if err != nil {
		panic(http.ErrAbortHandler) // the worker has gone, or the lab stops
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if c.kind == getWork || resp.StatusCode >= 400 {
		p.note(func() { c.answer = data })
	}
	if f.after != nil && f.after(*c, w) {
		return
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	if f.source != nil && c.kind == source && resp.StatusCode == http.StatusOK {
		f.source(w, r, data)
		return
	}
	_, _ = w.Write(data) // the worker may have gone
}

// work is what getWork has given, one task of it.
type work struct {
	ID      string `json:"id"`
	Lease   string `json:"lease"`
	Source  struct{ URL string }
	Outputs []struct{ Name, Key, URL string }
}

// works are the tasks that the call was given.
func (c call) works() []work {
	var list struct{ Work []work }
	var one work
	if c.kind != getWork || c.status != http.StatusOK {
		return nil
	}
	if json.Unmarshal(c.answer, &list) == nil && len(list.Work) > 0 {
		return list.Work
	}
	if json.Unmarshal(c.answer, &one) != nil {
		return nil
	}
	return []work{one}
}

// code is that of an answer that is an error.
func (c call) code() string {
	var p struct{ Code, Detail string }
	_ = json.Unmarshal(c.answer, &p) // anything else has none
	return strings.TrimSuffix(p.Code+": "+p.Detail, ": ")
}

// of says that the call is about a lease.
func (c call) of(w work) bool { return c.query.Get("id") == w.ID && c.query.Get("lease") == w.Lease }
