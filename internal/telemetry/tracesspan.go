package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// w3c carries traces across processes, by the headers of W3C Trace Context.
var w3c = propagation.TraceContext{}

const traceparentHeader = "traceparent"

// Tracer makes the spans of one service. A nil one makes none.
type Tracer struct{ otel trace.Tracer }

// Traceparent is the present span as the header traceparent of W3C Trace Context
// has it; empty where there is none.
func Traceparent(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	return "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + (sc.TraceFlags() & trace.FlagsSampled).String()
}

// spanOf reads a traceparent; what is none is no valid one.
func spanOf(ctx context.Context, traceparent string) trace.SpanContext {
	if traceparent == "" {
		return trace.SpanContext{}
	}
	none := trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	return trace.SpanContextFromContext(w3c.Extract(none, propagation.MapCarrier{traceparentHeader: traceparent}))
}

// Continue goes on with a trace that began elsewhere: ctx has the new span.
// Without a traceparent, or with what is none, there is no span.
func (t *Tracer) Continue(ctx context.Context, traceparent, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	if t == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	from := spanOf(ctx, traceparent)
	if !from.IsValid() {
		return ctx, trace.SpanFromContext(ctx)
	}
	return t.otel.Start(trace.ContextWithRemoteSpanContext(ctx, from), name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...))
}

// Past adds a span that is over to a trace that began elsewhere.
func (t *Tracer) Past(ctx context.Context, traceparent, name string, from, to time.Time, attributes ...attribute.KeyValue) {
	if t == nil {
		return
	}
	parent := spanOf(ctx, traceparent)
	if !parent.IsValid() {
		return
	}
	_, span := t.otel.Start(trace.ContextWithRemoteSpanContext(ctx, parent), name, trace.WithTimestamp(from), trace.WithAttributes(attributes...))
	span.End(trace.WithTimestamp(to))
}

// Start begins a span within the present one; without one there is none.
func Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, parent
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, options...)
}

// End ends a span, with the error if there is one.
func End(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// Link says that the present span is about a task that has a trace of its own.
func Link(ctx context.Context, traceparent string) {
	span := trace.SpanFromContext(ctx)
	if traceparent == "" || !span.IsRecording() {
		return
	}
	if to := spanOf(ctx, traceparent); to.IsValid() && to.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: to})
	}
}

// Apart is ctx for what goes on when its request has ended, and is no part of
// the request's trace.
func Apart(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(context.WithoutCancel(ctx), trace.SpanContext{})
}
