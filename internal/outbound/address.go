package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// errNotPublic is how a connection fails that is not to be made. Its text goes
// to the log only.
var errNotPublic = errors.New("not a public address")

// unicast is what IANA gives out to hosts of the public internet in IPv6.
// Whatever lies outside is special: loopback, IPv4 in its mapped and its
// compatible form, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard-only,
// unique-local (fd00:ec2::254 has the metadata of a cloud), link-local,
// site-local, multicast, SRv6, and what is not given out yet.
var unicast = netip.MustParsePrefix("2000::/3")

// special are the networks of IANA's registries of special-purpose addresses
// (RFC 6890 and its updates; for IPv6 those within unicast), multicast, and
// one that a cloud keeps for itself.
var special = prefixes(
	"0.0.0.0/8",        // this network; the address itself is this machine
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared, for carriers' NAT
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // Azure's services to its own machines
	"169.254.0.0/16",   // link-local, metadata of clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments
	"192.0.2.0/24",     // documentation
	"192.31.196.0/24",  // AS112
	"192.52.193.0/24",  // AMT
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"192.175.48.0/24",  // AS112
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, broadcast

	"2001::/23",         // protocol assignments, Teredo, benchmarks, ORCHID
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4: an IPv4 address lies within
	"2620:4f:8000::/48", // AS112
	"3ffe::/16",         // 6bone, given back
	"3fff::/20",         // documentation
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

// public says whether an address may belong to a host of the public internet.
func public(addr netip.Addr) bool {
	return (addr.Is4() || unicast.Contains(addr)) && !within(special, addr)
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// guard judges addresses.
type guard struct {
	allow []netip.Prefix
	own   func() ([]net.Addr, error) // addresses of this machine
}

// control judges a connection just before it is made; see net.Dialer.
func (g guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !g.allows(to.Addr()) {
		return errNotPublic
	}
	return nil
}

// allows says whether an address may be asked: it is in an allowed network, or
// it is public and not this machine's own, where services may listen that trust
// whoever is near.
func (g guard) allows(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("") // no network holds an address with a zone
	return within(g.allow, addr) || public(addr) && !g.isOwn(addr)
}

func (g guard) isOwn(addr netip.Addr) bool {
	list, err := g.own()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(list, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == addr
	})
}
