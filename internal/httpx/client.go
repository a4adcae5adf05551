package httpx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"minilab/internal/fault"
	"minilab/internal/problem"
)

// callTime is how long a call may take that asks for nothing but an answer.
const callTime = 10 * time.Second

// errNoAnswer is the cause of calls that took too long.
var errNoAnswer = fault.ErrUnavailable.Because(errors.New("no answer in time"))

// maxPoll is how long any call may be told to wait.
const maxPoll = time.Minute

// maxAnswer bounds a JSON answer that is read into memory, in bytes, and
// maxAnswerHeader its headers, those of informational answers included.
const (
	maxAnswer       = 32 << 20
	maxAnswerHeader = 64 << 10
)

// NewTransport is the transport for calls between services. It fails fast when
// nobody listens; that an answer never begins is noticed late, because
// long-polls are normal here, so calls have limits of their own.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext:           inTurns(&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}),
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: maxPoll + callTime,
		DisableCompression:    true, // what is inflated has no limit

		MaxResponseHeaderBytes: maxAnswerHeader,
		WriteBufferSize:        64 << 10,
		ReadBufferSize:         64 << 10,
	}
}

// maxDials is how many connections to one address are being made at once. When
// thousands of calls come together more would overrun the other side's backlog,
// and whoever is not let in there takes the service for dead.
const maxDials = 64

// inTurns is the dialer's DialContext, so many at a time to each address: one
// where nobody answers must not hold up the others. There are never more
// addresses than instances that were once registered.
func inTurns(d *net.Dialer) func(ctx context.Context, network, addr string) (net.Conn, error) {
	var all sync.Map // of chan struct{}, by address
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		found, _ := all.LoadOrStore(addr, make(chan struct{}, maxDials))
		turns := found.(chan struct{})
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		defer func() { <-turns }()
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return wideConn{c}, nil
	}
}

// Client calls one service.
type Client struct {
	base string
	http *http.Client
}

// NewClient makes a client of the service at base ("http://127.0.0.1:8081",
// without a slash at the end). It never follows redirects.
func NewClient(base string, rt http.RoundTripper) *Client {
	return &Client{base: base, http: &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Request is one call.
type Request struct {
	Method string
	Path   string // escaped
	Query  url.Values
	Header http.Header
	Body   io.Reader // streamed; nil: none
	Size   int64     // of Body; -1: unknown
}

// Do makes the call. An answer of 400 and above is the error that the other side
// meant, one from 300 on ErrNonsense; the caller closes the body of any other. A
// service that cannot be reached is fault.ErrUnavailable; a call cut short by its
// context is the context's cause.
//
// An answer that does not begin, or whose body stops, for long enough to be taken
// for dead ends with fault.ErrUnavailable.
func (c *Client) Do(ctx context.Context, req Request) (*http.Response, error) {
	ctx, stall, cancel := newStall(ctx)
	resp, err := c.do(ctx, req)
	if err != nil {
		cancel()
		return nil, err
	}
	stall.disarm()
	resp.Body = &watchedBody{resp.Body, stall, cancel}
	return resp, nil
}

func (c *Client) do(ctx context.Context, req Request) (*http.Response, error) {
	r, err := c.request(ctx, req)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	switch status := resp.StatusCode; {
	case status >= http.StatusBadRequest:
		defer resp.Body.Close()
		return nil, problem.Read(resp)
	case status >= http.StatusMultipleChoices || status == http.StatusSwitchingProtocols:
		resp.Body.Close()
		return nil, ErrNonsense.Because(fmt.Errorf("%s %s: %s", req.Method, req.Path, resp.Status))
	}
	return resp, nil
}

func (c *Client) request(ctx context.Context, req Request) (*http.Request, error) {
	target := c.base + req.Path
	if len(req.Query) > 0 {
		target += "?" + req.Query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, req.Method, target, req.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.Path, err)
	}
	if req.Body != nil {
		r.ContentLength = req.Size
		if req.Size == 0 {
			r.Body = http.NoBody
		}
	}
	if req.Header != nil {
		r.Header = req.Header
	}
	if id := RequestID(ctx); id != "" {
		r.Header.Set(HeaderRequestID, id)
	}
	return r, nil
}

func (c *Client) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f // a body that failed to be read says why itself
	}
	return fault.ErrUnavailable.Because(err)
}

// JSON makes a call with in as its body (nil: none) and reads the answer into
// out (nil: thrown away). It says the answer's status. A service that does not
// answer in time is fault.ErrUnavailable.
func (c *Client) JSON(ctx context.Context, method, path string, query url.Values, in, out any) (int, error) {
	return c.Poll(ctx, 0, method, path, query, in, out)
}

// Poll is JSON for a call that the other side may take its time to answer.
func (c *Client) Poll(ctx context.Context, wait time.Duration, method, path string, query url.Values, in, out any) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait+callTime, errNoAnswer)
	defer cancel()
	req := Request{Method: method, Path: path, Query: query}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return 0, fmt.Errorf("%s %s: %w", method, path, err)
		}
		req.Body, req.Size = bytes.NewReader(body), int64(len(body))
		req.Header = http.Header{"Content-Type": {"application/json"}}
	}
	resp, err := c.do(ctx, req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, c.Decode(ctx, resp, out)
}

// Decode reads a JSON answer into out (nil: thrown away) and closes it. One that
// does not end within the time of a call is fault.ErrUnavailable, one that is
// too large or too many values ErrNonsense, as is an empty one, unless its
// status says so.
func (c *Client) Decode(ctx context.Context, resp *http.Response, out any) error {
	defer resp.Body.Close()
	late := time.AfterFunc(callTime, func() { resp.Body.Close() })
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch inTime := late.Stop(); {
	case err != nil && !inTime && ctx.Err() == nil:
		return errNoAnswer
	case err != nil:
		return c.failed(ctx, err)
	case len(body) > maxAnswer:
		return ErrNonsense.Because(fmt.Errorf("an answer of more than %d bytes", maxAnswer))
	case out == nil || len(body) == 0 && resp.StatusCode == http.StatusNoContent:
		return nil
	}
	if err := unmarshal(body, out); err != nil {
		return ErrNonsense.Because(err)
	}
	return nil
}
