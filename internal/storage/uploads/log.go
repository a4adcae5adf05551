package uploads

import (
	"context"
	"log/slog"

	tusdslog "golang.org/x/exp/slog"
)

// tusdLogger has tusd, which knows an older slog, log into log. It tells of
// every step of every request, which is for who is looking for something; what
// has failed is the request's error, and logged as that.
func tusdLogger(log *slog.Logger) *tusdslog.Logger { return tusdslog.New(bridge{log}) }

type bridge struct{ log *slog.Logger }

// Enabled implements the older slog.Handler.
func (b bridge) Enabled(ctx context.Context, _ tusdslog.Level) bool {
	return b.log.Enabled(ctx, slog.LevelDebug)
}

// Handle implements the older slog.Handler.
func (b bridge) Handle(ctx context.Context, r tusdslog.Record) error {
	args := make([]any, 0, 2*r.NumAttrs())
	r.Attrs(func(a tusdslog.Attr) bool {
		args = append(args, a.Key, a.Value.Any())
		return true
	})
	b.log.DebugContext(ctx, "tusd", append(args, "step", r.Message)...)
	return nil
}

// WithAttrs implements the older slog.Handler.
func (b bridge) WithAttrs(attrs []tusdslog.Attr) tusdslog.Handler {
	args := make([]any, 0, 2*len(attrs))
	for _, a := range attrs {
		args = append(args, a.Key, a.Value.Any())
	}
	return bridge{b.log.With(args...)}
}

// WithGroup implements the older slog.Handler.
func (b bridge) WithGroup(name string) tusdslog.Handler { return bridge{b.log.WithGroup(name)} }
