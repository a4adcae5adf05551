package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultPatience is how long a call is tried again without WithPatience.
const DefaultPatience = time.Minute

// headerTime is how long a server may take to begin its answer: more than the
// minute that it waits at most where it is asked to wait.
const headerTime = 2 * time.Minute

// maxJSON bounds what is read of an answer that is JSON, in bytes.
const maxJSON = 64 << 20

// Client calls one lab. It can be used by several goroutines at once; its
// fields are not changed after the first call.
type Client struct {
	Server string       // base URL, such as https://lab.example.org
	Key    string       // API key; empty where the lab has none
	HTTP   *http.Client // what the calls go through; its CheckRedirect is not used

	patience time.Duration
	waiting  func(err error, until time.Time)
}

// Option sets what New leaves at its default.
type Option func(*Client)

// WithKey has every call carry an API key.
func WithKey(key string) Option { return func(c *Client) { c.Key = key } }

// WithHTTP has the calls go through h. Its Timeout, if it has one, cuts events
// and large images short.
func WithHTTP(h *http.Client) Option { return func(c *Client) { c.HTTP = h } }

// WithPatience says how long a call is tried again while the lab is away,
// overloaded or out of order. With 0 every call is made once.
func WithPatience(d time.Duration) Option { return func(c *Client) { c.patience = d } }

// WithWaiting has f told each time that a call is to be made again: what it
// ended with this time, and when it is made again. f returns at once, and may
// be called by several goroutines at a time.
func WithWaiting(f func(err error, until time.Time)) Option {
	return func(c *Client) { c.waiting = f }
}

// New makes a client of the lab at server, the base URL of a frontend. It
// calls nobody.
func New(server string, options ...Option) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server is a URL such as http://127.0.0.1:8080, without a user or query, got %q", masked(u, server))
	}
	c := &Client{Server: strings.TrimRight(server, "/"), patience: DefaultPatience, waiting: func(error, time.Time) {}}
	for _, o := range options {
		o(c)
	}
	if !visible(c.Key) {
		return nil, errors.New("the key has characters that no key has")
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Transport: transport()}
	}
	return c, nil
}

// visible says whether a text can be the value of a header: the network's error
// of one that cannot looks as if it might pass.
func visible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// masked is a URL without its password, if it has one.
func masked(u *url.URL, text string) string {
	if u == nil {
		return strings.ToValidUTF8(text[strings.LastIndex(text, "@")+1:], "?")
	}
	return u.Redacted()
}

func transport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport // somebody has put their own in its place
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = 64
	t.ResponseHeaderTimeout = headerTime
	return t
}

// call is one request, to be made as often as it takes.
type call struct {
	method string
	path   []string // segments below the server's URL, not yet escaped
	query  url.Values
	header http.Header
	body   *body // nil: none
	once   bool  // not to be made again when it may have been done
}

// do makes the call, again and again while that is safe and may help. The
// caller closes the body of the answer.
func (c *Client) do(ctx context.Context, q call) (*http.Response, error) {
	for attempts := c.newAttempts(); ; {
		resp, err := c.try(ctx, q)
		if err == nil {
			return resp, nil
		}
		if !q.again(err) {
			return nil, err
		}
		if err := attempts.next(ctx, err); err != nil {
			return nil, err
		}
	}
}

// try makes the call once.
func (c *Client) try(ctx context.Context, q call) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, c.url(q), nil)
	if err != nil {
		return nil, err
	}
	for name, values := range q.header {
		req.Header[name] = values
	}
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	if err := q.body.attach(req); err != nil {
		return nil, err
	}
	h := *c.HTTP
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the API has none, and the key is nobody else's
	resp, err := h.Do(req)
	if err != nil {
		return nil, q.body.fault(err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer resp.Body.Close()
		return nil, readError(resp)
	}
	return resp, nil
}

func (c *Client) url(q call) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(c.Server, "/") + "/api/v1")
	for _, segment := range q.path {
		b.WriteString("/" + escapeSegment(segment))
	}
	if len(q.query) > 0 {
		b.WriteString("?" + q.query.Encode())
	}
	return b.String()
}

// escapeSegment leaves no segment that a URL's reader would resolve.
func escapeSegment(s string) string {
	if strings.Trim(s, ".") == "" {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}

// json makes a call whose answer is JSON, which goes into out, unless that is nil.
func (c *Client) json(ctx context.Context, q call, out any) error {
	resp, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxJSON)).Decode(out); err != nil {
		return fmt.Errorf("%s %s: the answer cannot be read: %w", q.method, resp.Request.URL.Path, err)
	}
	return nil
}
