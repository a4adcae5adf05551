package httpx

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"minilab/internal/fault"
)

// Faults of a request's body. ErrBodyCut is storage.ErrCut by another name.
var (
	ErrBodyCut  = fault.New(fault.Invalid, "body-cut", "the body is not of its announced length")
	ErrBodyIdle = fault.New(fault.Timeout, "body-idle", "the body stopped coming")
)

// A body that makes its reader wait for longer than bodyTime, and for every
// bodyRate bytes a second more, is given up even if it never pauses.
const (
	bodyTime = time.Minute
	bodyRate = 1 << 10
)

// Body reads a request's body, of which at most max bytes may come (0: any
// number) and never nothing for as long as idle (0: for ever, and at any rate).
// Its errors are faults: fault.ErrTooLarge, ErrBodyIdle, also for what comes too
// slowly, and ErrBodyCut when the caller has gone. A body that is announced as too
// large is refused before a caller that waits for "100 Continue" sends a byte of it.
func Body(w http.ResponseWriter, r *http.Request, max int64, idle time.Duration) io.Reader {
	bare := r.Body
	if routed, ok := bare.(*routedBody); ok {
		bare = routed.bare // this call's limits take the place of those
	}
	b := &body{r: bare, conn: http.NewResponseController(w), idle: idle}
	if max > 0 {
		b.r = http.MaxBytesReader(w, bare, max)
	}
	if max > 0 && r.ContentLength > max {
		b.err = tooLarge(max)
	}
	return b
}

type body struct {
	r    io.Reader
	conn *http.ResponseController
	idle time.Duration
	got  int64         // bytes
	lost time.Duration // with waiting for them
	err  error         // sticks
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	start := time.Now()
	if b.idle > 0 {
		_ = b.conn.SetReadDeadline(start.Add(min(b.idle, b.patience()))) // a recorder in a test has none
	}
	n, err := b.r.Read(p)
	b.got += int64(n)
	b.lost += time.Since(start)
	b.err = b.judge(err)
	return n, b.err
}

// patience is how long the rest of the body may be waited for before it counts
// as too slow. What the reader does between two reads does not count.
func (b *body) patience() time.Duration {
	return bodyTime + time.Duration(b.got/bodyRate)*time.Second - b.lost
}

func (b *body) judge(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		// The server goes on reading to learn when the caller hangs up; a
		// deadline left behind would look like that.
		_ = b.conn.SetReadDeadline(time.Time{})
		return io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded) && b.patience() <= 0:
		return ErrBodyIdle.Detailf("the body comes slower than %d bytes a second", bodyRate).Because(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrBodyIdle.Detailf("no byte of the body has come for %v", b.idle).Because(err)
	}
	if limit, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(limit.Limit)
	}
	return ErrBodyCut.Because(err)
}

func tooLarge(limit int64) error {
	return fault.ErrTooLarge.Detailf("the body has more than %d bytes", limit)
}

// routedIdle is how long any request's body may pause, whether or not a handler
// reads it: before it answers, the server itself reads on for a while.
const routedIdle = time.Minute

// abandonTime is how long the rest of a body is waited for before a refusal.
const abandonTime = time.Second

// limitBody bounds the pauses of a request's body. What comes in chunks is the
// last of its connection: if the request has a length too, which the server of
// net/http does not tell, whatever stands before this service may have taken
// what follows for a part of the body.
func limitBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	if len(r.TransferEncoding) > 0 {
		w.Header().Set("Connection", "close")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(routedIdle)) // a recorder in a test has none
	r.Body = &routedBody{Body(w, r, 0, routedIdle), r.Body}
}

// routedBody is a request's body with the limits that hold everywhere.
type routedBody struct {
	io.Reader
	bare io.ReadCloser
}

// Close implements io.Closer.
func (b *routedBody) Close() error { return b.bare.Close() }

// abandonBody prepares a refusal: what is left of the body is not waited for.
func abandonBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(abandonTime)) // as above
	if r.Header.Get("Expect") != "" {
		stopReading(w)
	}
}

// stopReading prepares an answer that comes before the end of the request's
// body: the connection ends with it, but only after the caller, who may still
// be sending, has had the time to read it. The server of net/http does so by
// itself unless the request says "Expect: 100-continue"; then it resets the
// connection, and the caller sees a broken pipe instead of the answer. The one
// way to ask for it is to exceed a limit.
func stopReading(w http.ResponseWriter) {
	for {
		outer, wraps := w.(interface{ Unwrap() http.ResponseWriter })
		if !wraps {
			break
		}
		w = outer.Unwrap()
	}
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}
