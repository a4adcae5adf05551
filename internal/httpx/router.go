// Package httpx is what every service's HTTP has in common: handlers that
// return errors, one router, one server, one client.
package httpx

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"minilab/internal/fault"
	"minilab/internal/problem"
)

// Handler answers a request or returns an error before anything was written;
// the error becomes the answer and a log line. A handler that fails after its
// first byte panics with http.ErrAbortHandler, so that a cut answer never
// looks whole.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Faults that routing and reading a request may give.
var (
	ErrNoRoute   = fault.New(fault.NotFound, "no-route", "there is nothing at this path")
	ErrMethod    = fault.New(fault.Method, "method-not-allowed", "this path does not take this method")
	ErrJSON      = fault.New(fault.Invalid, "invalid-json", "the body is not the JSON that is expected here")
	ErrParameter = fault.New(fault.Invalid, "invalid-parameter", "a parameter is not valid")
)

// Router sends requests to handlers. It never redirects, and answers unknown
// paths and methods with a problem.
type Router struct {
	mux *chi.Mux
	log *slog.Logger
}

// NewRouter makes a router; middleware runs around every request, the
// unroutable ones included, the first one outermost.
func NewRouter(log *slog.Logger, middleware ...func(http.Handler) http.Handler) *Router {
	rt := &Router{mux: chi.NewMux(), log: log}
	rt.mux.Use(rt.recoverer)
	for _, m := range middleware {
		rt.mux.Use(m)
	}
	rt.mux.NotFound(rt.adapt(func(http.ResponseWriter, *http.Request) error { return ErrNoRoute }))
	rt.mux.MethodNotAllowed(rt.adapt(rt.methodNotAllowed))
	return rt
}

// Guard has check look at every request before it is routed; what check returns
// is the answer, and nil lets the request through. It comes before all routes.
func (rt *Router) Guard(check Handler) {
	rt.mux.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := check(w, r); err != nil {
				limitBody(w, r)
				rt.Fail(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
}

// Routes are the methods and paths that there are, "GET /images/{state}/*" for example.
func (rt *Router) Routes() []string {
	var list []string
	_ = chi.Walk(rt.mux, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		list = append(list, method+" "+path)
		return nil
	})
	return list
}

// ServeHTTP implements http.Handler.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) { rt.mux.ServeHTTP(w, r) }

// Handle adds a route: a list of methods separated by "|", a space and a path
// in chi's syntax, "GET|HEAD /images/{state}/*" for example.
func (rt *Router) Handle(route string, h Handler) {
	methods, path, _ := strings.Cut(route, " ")
	for m := range strings.SplitSeq(methods, "|") {
		rt.mux.MethodFunc(m, path, rt.adapt(h))
	}
}

// Mount adds a plain handler for GET and HEAD.
func (rt *Router) Mount(path string, h http.Handler) {
	rt.Handle("GET|HEAD "+path, func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	})
}

func (rt *Router) adapt(h Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		limitBody(w, r)
		if err := h(w, r); err != nil {
			rt.Fail(w, r, err)
		}
	}
}

// Fail answers with an error and logs it. Nothing may have been written before.
func (rt *Router) Fail(w http.ResponseWriter, r *http.Request, err error) {
	f := rt.Note(r, err)
	abandonBody(w, r)
	problem.Write(w, f, RequestID(r.Context()))
}

// Note logs why a request failed, and gives the fault that its caller is told.
func (rt *Router) Note(r *http.Request, err error) *fault.Fault {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		err = fault.ErrUnavailable.Because(err) // the caller is gone, or the service is stopping
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = fault.ErrTooLarge.Detailf("the body has more than %d bytes", tooLarge.Limit)
	}
	f := fault.From(err)
	rt.log.Log(r.Context(), severity(r, f), "request failed", "method", r.Method, "path", r.URL.Path,
		"status", f.Kind.Status(), "code", f.Code, "error", err.Error(), "request_id", RequestID(r.Context()))
	return f
}

// severity is how loud a failed request is logged: a defect is an error, a part
// that is away a warning, and what a caller did wrong is for information.
func severity(r *http.Request, f *fault.Fault) slog.Level {
	switch {
	case f.Is(ErrNotReady), r.Context().Err() != nil:
		return slog.LevelDebug // a probe's caller asks every second; or the caller is gone
	case f.Kind.Status() < http.StatusInternalServerError:
		return slog.LevelInfo
	case f.Kind == fault.Unavailable:
		return slog.LevelWarn
	}
	return slog.LevelError
}

func (rt *Router) methodNotAllowed(w http.ResponseWriter, r *http.Request) error {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if rt.mux.Match(chi.NewRouteContext(), m, path) {
			allowed = append(allowed, m)
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return ErrMethod.Detailf("this path takes %s", strings.Join(allowed, ", "))
}

func (rt *Router) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				rt.log.Error("handler panicked", "method", r.Method, "path", r.URL.Path, "panic", v)
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}

// PathParam is a part of the request's path by its name in the route, unescaped.
func PathParam(r *http.Request, name string) (string, error) {
	text := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return text, nil // chi has matched the unescaped path
	}
	text, err := url.PathUnescape(text)
	if err != nil {
		return "", ErrParameter.Detailf("the path is not validly escaped")
	}
	return text, nil
}

// Tail is the rest of the request's path after prefix, unescaped: "a%2Fb" and
// "a/b" are the same, and dots and doubled slashes are left as they are.
func Tail(r *http.Request, prefix string) (string, error) {
	tail, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), prefix))
	if err != nil {
		return "", ErrParameter.Detailf("the path is not validly escaped")
	}
	return tail, nil
}
