// Package frontend is what the public meets: the simple API, by which a whole
// job is three commands of curl, the same as resources (api.go) with their
// description in OpenAPI, and a web page. It judges images before it sends them
// on, and keeps nothing.
//
//	rt := frontend.New(frontend.Config{
//		Customers: master, // the engine or its client
//		Limits:    frontend.Limits{MaxBytes: 100 << 20, MaxPixels: 100_000_000},
//		Log:       log,
//	})
//	httpx.Probes(rt, checks, metrics)
package frontend

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"minilab/internal/hook"
	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/problem"
	"minilab/internal/storage/uploads"
)

// Paths are those of the simple API.
var Paths = labhttp.Paths{New: "/newImage", IsReady: "/image/isReady", Get: "/image/get"}

// Config is what a frontend is made of.
type Config struct {
	Customers lab.Customers
	Board     lab.Board
	Hooks     hook.Desk
	Catalog   Catalog
	Presets   Presets
	Workers   func() []Worker
	Sources   Sources // nil: images are not fetched
	Limits    Limits
	// Resolve judges the operations that are not built in; nil leaves them to
	// the lab, which knows them too but has not seen the text as it was written.
	Resolve func(context.Context, lab.Submission) error
	Keys    Keys            // nil: there are none, and everybody is auth.Public
	Ring    Ring            // where keys are kept
	Links   Links           // nil: there are none
	Hosts   httpx.Hosts     // names, besides this machine's own, under which a lab without keys is asked
	Uploads uploads.Uploads // nil: images come in one piece
	// Scraper judges the tokens shown with /metrics that are no API keys; nil:
	// none is good.
	Scraper    func(http.ResponseWriter, *http.Request) error
	Log        *slog.Logger
	Middleware []func(http.Handler) http.Handler // around every request, the first one outermost
}

// New makes the frontend's router, to which its probes may be added.
func New(cfg Config) *httpx.Router {
	rt := httpx.NewRouter(cfg.Log, append(slices.Clip(cfg.Middleware), secure, sameOrigin)...)
	g := gate{cfg.Keys, cfg.Links, cfg.Hosts, cfg.Scraper}
	rt.Guard(g.check)
	g.routeSession(rt)
	cfg.Customers = Guard(cfg.Customers, cfg.Limits, cfg.Resolve)
	labhttp.RouteCustomers(rt, cfg.Customers, Paths)
	a := newAPI(cfg, rt)
	if cfg.Uploads != nil {
		permit := guard{limits: cfg.Limits, resolve: cfg.Resolve}.permit
		tus{cfg.Uploads, cfg.Limits.MaxBytes, permit, a.handUpload}.route(rt)
	}
	newPage(cfg.Limits).route(rt)
	return rt
}

// sameOrigin keeps other sites' pages from filling the lab by the browsers of
// their visitors. Clients that are no browsers do not notice.
func sameOrigin(next http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, httpx.ErrCrossOrigin, httpx.RequestID(r.Context()))
	}))
	return p.Handler(next)
}

// apiPolicy is for answers that are no page: opened in a browser, they load
// and run nothing.
const apiPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox"

// secure sets what holds for every answer; the page widens its policy.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", apiPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}
