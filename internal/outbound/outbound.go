// Package outbound asks addresses that outsiders name: the source of an image,
// the receiver of a webhook. Whoever names an address must not reach by it what
// only this machine can reach, so nothing is connected to that is not on the
// public internet, unless its network is allowed. It is judged when the
// connection is made, by the address that the name stands for then: a name that
// changes its mind in between gains nothing.
//
//	c := outbound.New(outbound.Config{
//		Allow:     []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
//		Redirects: 5,
//		MaxBytes:  100 << 20,
//		Total:     5 * time.Minute,
//	})
//	body, size, err := c.Open(ctx, "https://example.org/photo.jpg")
//
// What an outsider is told does not depend on what there is at an address that
// may not be asked, or whether there is anything.
package outbound

import (
	"net"
	"net/http"
	"net/netip"
	"time"

	"minilab/internal/fault"
)

// Faults of addresses and of what answers there.
var (
	ErrURL         = fault.New(fault.Invalid, "invalid-url", "this is no URL that can be asked")
	ErrAddress     = fault.New(fault.Unprocessable, "forbidden-address", "this address may not be asked")
	ErrUnreachable = fault.New(fault.Unprocessable, "source-unreachable", "the source could not be reached")
	ErrRefused     = fault.New(fault.Unprocessable, "source-refused", "the source did not give the image")
	ErrTooLarge    = fault.New(fault.TooLarge, "source-too-large", "what the source gives is over the limit")
	ErrCut         = fault.New(fault.Unprocessable, "source-cut", "the source stopped in the middle")
)

// Limits that hold for every call.
const (
	connectTime = 10 * time.Second // name, connection, and as long again for TLS
	headerTime  = 30 * time.Second // from the request to the answer's header
	pauseTime   = 30 * time.Second // of a body without a byte
	maxHeader   = 64 << 10
	idleTime    = 15 * time.Second // a connection that nobody uses
)

// Config says what a client may ask, and for how much.
type Config struct {
	Allow     []netip.Prefix // networks that may be asked although they are not public
	Redirects int            // that are followed at most; 0: a redirect is an answer like any other
	MaxBytes  int64          // of an answer's body
	Total     time.Duration  // that a call may take, until the end of the body
	Agent     string         // what the client calls itself
	Resolver  *net.Resolver  // nil: the system's
}

// Client asks addresses that outsiders name. It is safe for concurrent use.
type Client struct {
	cfg   Config
	guard guard
	http  *http.Client
}

// New makes a client. It uses no proxy, keeps no cookies, and inflates nothing.
func New(cfg Config) *Client {
	g := guard{allow: cfg.Allow, own: net.InterfaceAddrs}
	dialer := &net.Dialer{Timeout: connectTime, Resolver: cfg.Resolver, ControlContext: g.control}
	c := &Client{cfg: cfg, guard: g}
	c.http = &http.Client{CheckRedirect: c.redirect, Transport: &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connectTime,
		ResponseHeaderTimeout:  headerTime,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        idleTime,
		DisableCompression:     true, // what is inflated has no limit
	}}
	return c
}

// Close ends the connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }
