package frontend

import (
	"errors"
	"net/http"
	"time"

	"minilab/internal/auth"
	"minilab/internal/httpx"
)

// A browser keeps a session in a cookie, which no script can read and no other
// site has it send. Where the page came by https it has the name that makes
// browsers take it for nothing else.
const (
	cookieName   = "minilab-session"
	cookieSecure = "__Host-" + cookieName
)

// identity is what the page is told of who looks at it.
type identity struct {
	Owner  string       `json:"owner"`
	Scopes []auth.Scope `json:"scopes"`
	Key    string       `json:"key,omitempty"` // its ID; empty where no keys are needed
}

// routeSession adds how the page signs in and out: POST with a key opens a
// session, GET says whose it is, DELETE ends it.
func (g gate) routeSession(rt *httpx.Router) {
	rt.Handle("GET /session", func(w http.ResponseWriter, r *http.Request) error {
		return writeIdentity(w, auth.From(r.Context()))
	})
	rt.Handle("POST /session", func(w http.ResponseWriter, r *http.Request) error {
		if _, shown := bearer(r); !shown || g.keys == nil { // a session does not open another one
			return auth.ErrUnauthorized
		}
		p := auth.From(r.Context())
		token, err := g.keys.Open(r.Context(), p)
		if err != nil {
			return err
		}
		setCookie(w, r, token, auth.SessionTime)
		return writeIdentity(w, p)
	})
	rt.Handle("DELETE /session", func(w http.ResponseWriter, r *http.Request) error {
		if token := sessionToken(r); token != "" && g.keys != nil {
			if err := g.keys.Close(r.Context(), token); err != nil {
				return err
			}
		}
		setCookie(w, r, "", -time.Second)
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

func writeIdentity(w http.ResponseWriter, p auth.Principal) error {
	w.Header().Set("Cache-Control", "no-store")
	return httpx.WriteJSON(w, http.StatusOK, identity{p.Owner, p.Scopes, p.Key})
}

// session says whose session the request's browser keeps: nobody's when there
// is none, or when it is over, which the browser is told.
func (g gate) session(w http.ResponseWriter, r *http.Request) (auth.Principal, error) {
	token := sessionToken(r)
	if token == "" {
		return auth.Principal{}, nil
	}
	p, err := g.keys.Session(r.Context(), token)
	if errors.Is(err, auth.ErrUnauthorized) {
		setCookie(w, r, "", -time.Second)
		return auth.Principal{}, nil
	}
	return p, err
}

func sessionToken(r *http.Request) string {
	c, err := r.Cookie(nameOfCookie(r))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie keeps a session for so long; less than nothing takes it away.
func setCookie(w http.ResponseWriter, r *http.Request, token string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: nameOfCookie(r), Value: token, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, Secure: isSecure(r), SameSite: http.SameSiteStrictMode,
	})
}

func nameOfCookie(r *http.Request) string {
	if isSecure(r) {
		return cookieSecure
	}
	return cookieName
}

// isSecure says that the browser speaks https, to this process or to a proxy.
func isSecure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}
