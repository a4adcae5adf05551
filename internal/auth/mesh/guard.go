package mesh

import (
	"net"
	"net/http"
)

// challenge comes with ErrUnauthorized, by which a member knows it.
const challenge = `Bearer realm="minilab services"`

// Guard checks the calls to a service before they are routed. Its errors are
// ErrUnauthorized and ErrRole; without a secret there are none.
//
// No token is needed for GET of /livez and /readyz, and from the loopback for
// /metrics. Who gives one with /readyz learns whether it is good.
func (m *Member) Guard(service string) func(http.ResponseWriter, *http.Request) error {
	tokens := m.checker(service)
	return func(w http.ResponseWriter, r *http.Request) error {
		header := r.Header.Get("Authorization")
		if !m.Secured() || open(r, header) {
			return nil
		}
		c, err := tokens.check(header)
		if err != nil {
			w.Header().Set("WWW-Authenticate", challenge)
			return err
		}
		if r.URL.Path == probe {
			return nil
		}
		return c.Role.may(service, r)
	}
}

// probe is what members ask each other whether they are ready.
const probe = "/readyz"

// open says whether a call needs no token.
func open(r *http.Request, header string) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch r.URL.EscapedPath() { // as it is routed: what only means the same may be another route
	case "/livez":
		return true
	case probe:
		return header == ""
	case "/metrics":
		return header == "" && fromLoopback(r)
	}
	return false
}

func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && net.ParseIP(host).IsLoopback()
}
