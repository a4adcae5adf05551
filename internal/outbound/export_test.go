package outbound

import (
	"context"
	"net"
	"net/http"
	"net/netip"
)

// DialBy makes every connection by dial, which judges nothing.
func (c *Client) DialBy(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	c.http.Transport.(*http.Transport).DialContext = dial
}

// Allows says whether a machine with these addresses may ask addr.
func Allows(allow []netip.Prefix, own func() ([]net.Addr, error), addr netip.Addr) bool {
	return guard{allow: allow, own: own}.allows(addr)
}
