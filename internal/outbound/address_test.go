package outbound_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"minilab/internal/outbound"
)

func alone() ([]net.Addr, error) { return nil, nil }

func TestOnlyPublicAddressesMayBeAsked(t *testing.T) {
	for _, public := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
		"198.20.0.0", "223.255.255.255", "168.63.129.15", "::ffff:1.1.1.1",
		"2001:200::1", "2606:4700:4700::1111", "2a00:1450::1", "2003::1", "3ffd::1",
	} {
		if !outbound.Allows(nil, alone, netip.MustParseAddr(public)) {
			t.Errorf("%s may not be asked", public)
		}
	}
	for _, special := range []string{
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255", "127.0.0.1",
		"127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.0.192",
		"192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1", "198.19.255.255",
		"198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1",
		"2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "2620:4f:8000::1", "3ffe::1", "3fff::1", "4000::1", "5f00::1",
		"fc00::1", "fd00:ec2::254", "fd12::1", "fe80::1", "fe80::1%eth0", "fe80::a9fe:a9fe%1", "fec0::1", "ff02::1", "ff0e::1",
	} {
		if outbound.Allows(nil, alone, netip.MustParseAddr(special)) {
			t.Errorf("%s may be asked", special)
		}
	}
}

func TestAllowedNetworks(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fd12::/16"), netip.MustParsePrefix("fe80::/64")}
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "10.2.0.0": false, "127.0.0.1": true, "127.0.0.2": false, "::ffff:10.1.2.3": true, "::ffff:10.2.0.0": false,
		"fd12::1": true, "fd13::1": false, "fe80::1%eth0": true, "fe80:1::1%eth0": false, "8.8.8.8": true,
	} {
		if outbound.Allows(allow, alone, netip.MustParseAddr(addr)) != want {
			t.Errorf("%s: want %v", addr, want)
		}
	}
}

func TestThisMachineIsNotPublic(t *testing.T) {
	own := func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.IPv4(8, 8, 8, 8), Mask: net.CIDRMask(24, 32)}, &net.IPNet{IP: net.ParseIP("2a00::5"), Mask: net.CIDRMask(64, 128)}}, nil
	}
	for addr, want := range map[string]bool{"8.8.8.8": false, "::ffff:8.8.8.8": false, "8.8.8.9": true, "2a00::5": false, "2a00::6": true} {
		if outbound.Allows(nil, own, netip.MustParseAddr(addr)) != want {
			t.Errorf("%s: want %v", addr, want)
		}
	}
	if !outbound.Allows([]netip.Prefix{netip.MustParsePrefix("8.8.8.8/32")}, own, netip.MustParseAddr("8.8.8.8")) {
		t.Error("its own address cannot be allowed")
	}
	broken := func() ([]net.Addr, error) { return nil, errors.New("no netlink") }
	if outbound.Allows(nil, broken, netip.MustParseAddr("8.8.8.8")) {
		t.Error("a machine that does not know its addresses asks all the same")
	}
}

func TestURLsThatAreNone(t *testing.T) {
	c := outbound.New(outbound.Config{})
	for _, raw := range []string{
		"", "photo.jpg", "//example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org", "data:image/png;base64,", "http:example.org",
		"http://", "http:///x", "http://:80/", "http://user@example.org/", "http://user:secret@example.org/", "http://@example.org/",
		"http://example.org:0/", "http://example.org:65536/", "http://example.org:x/", "http://example.org:/", "http://[::1/", "http://exa mple.org/",
		"http://example.org/\x00", "javascript:alert(1)", "http://example.org/" + strings.Repeat("x", 4096),
	} {
		if err := c.Check(raw); !errors.Is(err, outbound.ErrURL) {
			t.Errorf("%.40q: %v", raw, err)
		}
	}
	for _, raw := range []string{"http://example.org", "HTTPS://example.org:8443/a?b=c#d", "https://bücher.example/", "http://8.8.8.8:80/", "http://[2606:4700::1]/", "http://1.example/", "http://x0/"} {
		if err := c.Check(raw); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestHostsThatAreForbiddenAddresses(t *testing.T) {
	c := outbound.New(outbound.Config{})
	for _, host := range []string{
		"127.0.0.1", "0.0.0.0", "10.0.0.1:8081", "169.254.169.254", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[fd00:ec2::254]", "[fe80::1%25lo]",
		"2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "127.0.0.01", "017700000001", "1.2.3.4.5", "1e1.09", "0X7F.1", "999.999.999.999", "0x",
	} {
		if err := c.Check("http://" + host + "/x"); !errors.Is(err, outbound.ErrAddress) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
