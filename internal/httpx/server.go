package httpx

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"minilab/internal/fault"
)

// Limits of every listener. There is no limit on how long a request may take as
// a whole, since streams and long-polls are normal; bodies have limits on each
// pause and on their rate instead, see Body, and so have answers, see conn.
const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 48 << 10 // bytes; a stream of events may name many tasks
)

// ErrStopping says that a request ends because its service does.
var ErrStopping = fault.New(fault.Unavailable, "stopping", "the service is stopping; try again")

// stopAdvice is when to try again after ErrStopping.
const stopAdvice = time.Second

// Server serves one service on one listener.
type Server struct {
	http     *http.Server
	draining context.CancelCauseFunc // ends the requests that wait
	cut      context.CancelFunc      // ends all requests
	detached *detached
	done     chan struct{}
	err      error // of serving, known when done
}

type drainKey struct{}

// Serve starts to serve h on l.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) *Server {
	ctx, cut := context.WithCancel(context.WithoutCancel(ctx))
	waiting, drain := context.WithCancelCause(ctx)
	ctx = context.WithValue(ctx, drainKey{}, waiting)
	streams := &detached{ctx: waiting, log: log}
	ctx = context.WithValue(ctx, detachedKey{}, streams)
	s := &Server{draining: drain, cut: cut, detached: streams, done: make(chan struct{}), http: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,

		DisableGeneralOptionsHandler: true,
		BaseContext:                  func(net.Listener) context.Context { return ctx },
		ConnContext:                  func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(s.done)
		s.err = s.http.Serve(l)
	}()
	return s
}

// Waiting is for handlers that wait for something to happen (long-polls, event
// streams): their requests end with ErrStopping as soon as the service stops,
// while uploads and downloads under way may go on to their end.
func Waiting(h Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := Wait(r.Context())
		defer cancel()
		return h(w, r.WithContext(ctx))
	}
}

// Wait is a request's context while it waits for something to happen: it ends
// with ErrStopping as soon as the service stops.
func Wait(ctx context.Context) (context.Context, context.CancelFunc) {
	drain, ok := ctx.Value(drainKey{}).(context.Context)
	if !ok {
		return context.WithCancel(ctx)
	}
	waiting, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(drain, func() { cancel(ErrStopping.Retry(stopAdvice)) })
	return waiting, func() { stop(); cancel(nil) }
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown stops to take requests, ends those that wait, lets the others go on
// until ctx ends, and then cuts them off.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining(ErrStopping)
	err := s.http.Shutdown(ctx)
	if err == nil {
		err = s.detached.wait(ctx)
	}
	s.cut()
	if err != nil {
		err = s.http.Close()
	}
	<-s.done
	return errors.Join(err, ignoreClosed(s.err))
}
