package httpx

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// detached are the streams of a server that no request keeps open.
type detached struct {
	ctx     context.Context //nolint:containedctx // the server's; it ends with ErrStopping
	log     *slog.Logger
	running sync.WaitGroup
}

type detachedKey struct{}

// wait waits for their ends.
func (d *detached) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { d.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// caught keeps a defect of one stream from ending the process, as net/http does
// for requests.
func (d *detached) caught() {
	if v := recover(); v != nil {
		d.log.Error("stream panicked", "panic", v, "stack", string(debug.Stack()))
	}
}

// Stream is an answer that goes on after its handler has returned. It keeps a
// tenth of what net/http keeps for a request: no buffers, no request, a small
// stack. The other side is found gone only by a write.
type Stream struct {
	conn net.Conn
	text bytes.Buffer // not sent yet
}

// Detach answers with the status 200 and the headers set so far, and has serve
// write the body, in a goroutine of its own, until ctx ends with ErrStopping. An
// error of serve's cuts the answer off. It is not ok where a connection cannot
// be taken over, and then nothing has happened.
func Detach(w http.ResponseWriter, r *http.Request, serve func(ctx context.Context, s *Stream) error) (ok bool) {
	d, ok := r.Context().Value(detachedKey{}).(*detached)
	if !ok || r.ProtoMajor != 1 || r.ProtoMinor != 1 {
		return false
	}
	d.running.Add(1)
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		d.running.Done()
		return false
	}
	if counted, ok := r.Context().Value(connKey{}).(*conn); ok {
		counted.weigh(1)
	}
	s := &Stream{conn: c}
	h := w.Header().Clone()
	go func() {
		defer d.running.Done()
		defer func() { _ = c.Close() }() // nobody is left to tell
		defer d.caught()
		if s.head(h) == nil && serve(d.ctx, s) == nil {
			_ = s.end() // who has gone does not miss it
		}
	}()
	return true
}

// head begins the answer. What follows a head that was cut is no answer.
func (s *Stream) head(h http.Header) error {
	s.text.WriteString("HTTP/1.1 200 OK\r\n")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Set("Connection", "close")
	h.Set("Transfer-Encoding", "chunked")
	_ = h.Write(&s.text) // a buffer takes everything
	s.text.WriteString("\r\n")
	return s.send()
}

// Write keeps p until it is flushed.
func (s *Stream) Write(p []byte) (int, error) { return s.text.Write(p) }

// Flush sends what was written.
func (s *Stream) Flush() error {
	if s.text.Len() == 0 {
		return nil
	}
	body := s.text.Bytes()
	chunk := fmt.Appendf(make([]byte, 0, len(body)+16), "%x\r\n%s\r\n", len(body), body)
	s.text = *bytes.NewBuffer(chunk)
	return s.send()
}

// SetWriteDeadline bounds the writes, one that is under way included.
func (s *Stream) SetWriteDeadline(at time.Time) error { return s.conn.SetWriteDeadline(at) }

func (s *Stream) send() error {
	_, err := s.conn.Write(s.text.Bytes())
	s.text = bytes.Buffer{} // an idle stream keeps nothing
	return err
}

func (s *Stream) end() error {
	if err := s.Flush(); err != nil {
		return err
	}
	s.text.WriteString("0\r\n\r\n")
	return s.send()
}
