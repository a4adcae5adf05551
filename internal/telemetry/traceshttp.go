package telemetry

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// HTTP is middleware that makes a span of each request of a service. A trace
// begins with a customer's request at the frontend; the other services only go
// on with one, so that polls for work and the renewal of registrations make
// none. Probes and streams, which last for hours, are left out.
func (t *Traces) HTTP(service string) func(http.Handler) http.Handler {
	if t == nil {
		return func(next http.Handler) http.Handler { return next }
	}
	tracer := t.Tracer(service).otel
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
			if untraced(r) || service != "frontend" && !trace.SpanContextFromContext(ctx).IsValid() {
				next.ServeHTTP(w, r)
				return
			}
			ctx, span := tracer.Start(ctx, method(r), trace.WithSpanKind(trace.SpanKindServer))
			serveTraced(next, w, r.WithContext(ctx), span)
		})
	}
}

func untraced(r *http.Request) bool {
	switch r.URL.Path {
	case "/livez", "/readyz", "/metrics", "/api/v1/events":
		return true
	}
	return strings.Contains(r.Header.Get("Accept"), eventStream)
}

func serveTraced(next http.Handler, w http.ResponseWriter, r *http.Request, span trace.Span) {
	sw, ok := w.(*statusWriter)
	if !ok {
		sw = &statusWriter{ResponseWriter: w}
	}
	whole := false
	defer func() {
		if span.IsRecording() {
			describe(span, w, r, sw.status)
			if !whole || sw.status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
		}
		span.End()
	}()
	next.ServeHTTP(sw, r)
	sw.note(http.StatusOK)
	whole = true
}

// describe names the span after its route, which is known by now. The query is
// left out: it may have a lease or a signature.
func describe(span trace.Span, w http.ResponseWriter, r *http.Request, status int) {
	route := ""
	if c := chi.RouteContext(r.Context()); c != nil {
		route = c.RoutePattern()
	}
	if route != "" {
		span.SetName(method(r) + " " + route)
	}
	span.SetAttributes(
		attribute.String("http.request.method", method(r)), attribute.String("http.route", route),
		attribute.String("url.path", r.URL.Path), attribute.Int("http.response.status_code", status),
		attribute.String("minilab.request_id", w.Header().Get("X-Request-Id")),
	)
}

// Transport makes a span of each call of another service that belongs to a
// trace, and hands the trace on.
func (t *Traces) Transport(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return tracedCalls{next}
}

type tracedCalls struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper. The span ends when the answer begins.
func (c tracedCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanContextFromContext(r.Context()).IsValid() {
		return c.next.RoundTrip(r)
	}
	ctx, span := Start(r.Context(), r.Method+" "+r.URL.Host, trace.WithSpanKind(trace.SpanKindClient))
	r = handedOn(ctx, r)
	resp, err := c.next.RoundTrip(r)
	span.SetAttributes(attribute.String("http.request.method", r.Method), attribute.String("peer.service", r.URL.Host), attribute.String("url.path", r.URL.Path))
	if err == nil {
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
		if resp.StatusCode >= http.StatusBadRequest {
			span.SetStatus(codes.Error, "")
		}
	}
	End(span, err)
	return resp, err
}

// handedOn is the request with the trace in its header; a RoundTripper must not
// change the one that it was given.
func handedOn(ctx context.Context, r *http.Request) *http.Request {
	r = r.WithContext(ctx)
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	w3c.Inject(ctx, propagation.HeaderCarrier(r.Header))
	return r
}
