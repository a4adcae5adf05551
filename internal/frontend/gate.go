package frontend

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"minilab/internal/auth"
	"minilab/internal/fault"
	"minilab/internal/httpx"
)

// Keys is what the frontend asks of API keys; auth.Keys has it.
type Keys interface {
	// Needed says whether callers need a key at all.
	Needed(ctx context.Context) (bool, error)
	// Check says who shows that key.
	Check(ctx context.Context, key string) (auth.Principal, error)
	// Open, Session and Close are for browsers, see session.
	Open(ctx context.Context, p auth.Principal) (token string, err error)
	Session(ctx context.Context, token string) (auth.Principal, error)
	Close(ctx context.Context, token string) error
}

// Links makes and judges URLs that carry a signature; auth.Links has it.
type Links interface {
	// Signed says whether a request's URL claims to be signed.
	Signed(r *http.Request) bool
	// Principal is who a signed URL lets in, for what it was signed for.
	Principal(r *http.Request) (auth.Principal, error)
	// Sign gives the path and query of a link that p makes.
	Sign(ctx context.Context, p auth.Principal, link auth.Link) (string, error)
	// Rotate has links signed with a new key, and forgets the old ones if told so.
	Rotate(ctx context.Context, forget bool) error
}

// gate lets nobody past it who is not known, but to what is open, and puts who
// it is into the request's context. What a path needs beyond that is here for
// the simple paths; the others ask auth.From(ctx).Check themselves.
type gate struct {
	keys  Keys        // nil: there are none, and everybody is auth.Public
	links Links       // nil: there are none
	hosts httpx.Hosts // under which a lab without keys is asked

	scraper func(http.ResponseWriter, *http.Request) error // see Config
}

// scopes are what the simple paths need.
var scopes = map[string]auth.Scope{
	"/newImage":      auth.Submit,
	"/image/isReady": auth.Read,
	"/image/get":     auth.Read,
	"/metrics":       auth.Admin,
}

// isOpen says that a path needs no key: the page, what it is made of, the
// description of the API, and the probes. None of them tells of images.
func isOpen(path string) bool {
	switch path {
	case "/", "/favicon.ico", "/docs", "/openapi.yaml", "/openapi.json", "/livez", "/readyz":
		return true
	}
	return strings.HasPrefix(path, "/assets/") || strings.HasPrefix(path, "/docs/")
}

// check is for httpx.Router.Guard.
func (g gate) check(w http.ResponseWriter, r *http.Request) error {
	path := r.URL.RawPath // by which it is routed
	if path == "" {
		path = r.URL.Path
	}
	if isOpen(path) || path == "/metrics" && isLocal(r) && g.hosts.Check(r) == nil {
		return nil
	}
	if key, shown := bearer(r); shown && path == "/metrics" && g.scraper != nil && !auth.IsKey(key) {
		err := g.scraper(w, r)
		challenge(w, r, err)
		return err
	}
	p, err := g.identify(w, r)
	if err == nil && p.Owner == "" {
		err = auth.ErrUnauthorized
	}
	if err != nil {
		challenge(w, r, err)
		return err
	}
	if scope, ok := scopes[path]; ok {
		if err := p.Check(scope); err != nil {
			return err
		}
	}
	*r = *r.WithContext(auth.With(r.Context(), p)) // the router goes on with this very request
	return nil
}

// identify says who sends a request: whose key it shows, whose signature its
// URL has, or whose session its browser keeps. What is shown and is not good is
// refused, whatever else there is.
func (g gate) identify(w http.ResponseWriter, r *http.Request) (auth.Principal, error) {
	if g.keys == nil {
		return auth.Public(), nil
	}
	if key, shown := bearer(r); shown {
		return g.keys.Check(r.Context(), key)
	}
	if g.links != nil && g.links.Signed(r) {
		return g.links.Principal(r)
	}
	if p, err := g.session(w, r); err != nil || p.Owner != "" {
		return p, err
	}
	needed, err := g.keys.Needed(r.Context())
	if err != nil || needed {
		return auth.Principal{}, err
	}
	if err := g.hosts.Check(r); err != nil { // a page of another site under a name that it gave to this machine
		return auth.Principal{}, err
	}
	return auth.Public(), nil
}

// bearer is the key of a request; what is shown and is none is empty.
func bearer(r *http.Request) (key string, shown bool) {
	shows := r.Header.Values("Authorization")
	if len(shows) != 1 {
		return "", len(shows) > 1
	}
	scheme, key, _ := strings.Cut(shows[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return strings.TrimSpace(key), true
}

// challenge says how to be let in (RFC 6750).
func challenge(w http.ResponseWriter, r *http.Request, err error) {
	if fault.KindOf(err) != fault.Unauthorized {
		return
	}
	text := `Bearer realm="minilab"`
	if _, shown := bearer(r); shown {
		text += `, error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", text)
}

// isLocal says that a request comes from this machine, and not through a proxy
// that says so.
func isLocal(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}
