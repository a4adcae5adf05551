package httpx

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of every listener. There is no limit on how long a request or an
// answer may take as a whole, since streams and long-polls are normal; bodies
// have a limit on each pause instead, see Body.
const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 32 << 10 // bytes
)

// Server serves one service on one listener.
type Server struct {
	http *http.Server
	stop context.CancelCauseFunc // ends the requests that wait
	done chan error
}

// errStopping is the cause of requests that end because the service does.
var errStopping = errors.New("the service is stopping")

// Serve starts to serve h on l.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) *Server {
	ctx, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s := &Server{stop: stop, done: make(chan error, 1), http: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() { s.done <- s.http.Serve(l) }()
	return s
}

// Shutdown stops to take requests, lets those under way end until ctx does,
// and then cuts them off. drain is how long waiting requests (long-polls,
// event streams) may go on before they are told to end.
func (s *Server) Shutdown(ctx context.Context, drain time.Duration) error {
	timer := time.AfterFunc(drain, func() { s.stop(errStopping) })
	defer timer.Stop()
	err := s.http.Shutdown(ctx)
	s.stop(errStopping)
	if err != nil {
		err = s.http.Close()
	}
	<-s.done
	return err
}
