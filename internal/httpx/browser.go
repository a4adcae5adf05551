package httpx

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"minilab/internal/fault"
)

// What a browser has been made to send. A service that asks nobody for a key
// listens on the loopback only, but every page that is open on the machine has a
// browser there.
var (
	ErrCrossOrigin = fault.New(fault.Forbidden, "cross-origin", "a page of another site may not send this")
	ErrUnknownHost = fault.New(fault.Forbidden, "unknown-host", "this is not called by that name")
)

// Hosts are names by which a service is called, besides localhost and all
// addresses. Only names can be lied about: the site of a page lets its own stand
// for 127.0.0.1 (DNS rebinding), and its page and the service have one origin.
type Hosts []string

// HostsOf has the host of each base URL.
func HostsOf(bases ...string) (h Hosts) {
	for _, base := range bases {
		if u, err := url.Parse(base); err == nil && u.Hostname() != "" {
			h = append(h, canonical(u.Hostname()))
		}
	}
	return h
}

// Check gives ErrUnknownHost for a request that calls the service by another name.
func (h Hosts) Check(r *http.Request) error {
	host := canonical((&url.URL{Host: r.Host}).Hostname())
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") { // no browser has none
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	for _, name := range h {
		if name == host {
			return nil
		}
	}
	return ErrUnknownHost.Detailf("call it as 127.0.0.1 or localhost, or let --advertise say its name")
}

func canonical(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

var crossOrigin = http.NewCrossOriginProtection()

// FromPage gives ErrCrossOrigin for whatever a page of another site has a
// browser send, GET too. It is for services that have no page to be linked to.
func FromPage(r *http.Request) error {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return ErrCrossOrigin
	}
	if crossOrigin.Check(r) != nil {
		return ErrCrossOrigin
	}
	return nil
}
