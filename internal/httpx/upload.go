package httpx

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// smallBody is how many bytes are sent from memory instead of being streamed.
// They can be sent again over a new connection when the old one turns out dead.
const smallBody = 64 << 10

// Upload makes a call that sends r, of the given size or -1, as its body. A
// refusal that comes while bytes are still going is what is returned, and after
// the return r is not read any more. An error of r is returned as it is.
func (c *Client) Upload(ctx context.Context, req Request, r io.Reader, size int64) (*http.Response, error) {
	ctx, stall, cancel := newStall(ctx)
	src := &source{r: r, ctx: ctx, stall: stall}
	if err := req.stream(src, size); err != nil {
		cancel()
		return nil, err
	}
	resp, err := c.do(ctx, req)
	if cut := src.end(); cut != nil {
		err = cut
	}
	if err != nil {
		if resp != nil {
			resp.Body.Close()
		}
		cancel()
		return nil, err
	}
	resp.Body = &watchedBody{resp.Body, stall, cancel}
	return resp, nil
}

// stream sets the request's body, a small one from memory.
func (q *Request) stream(src *source, size int64) error {
	var head []byte
	if size <= smallBody {
		var err error
		if head, err = io.ReadAll(io.LimitReader(src, smallBody+1)); err != nil {
			return err
		}
		if len(head) <= smallBody {
			q.Body, q.Size = bytes.NewReader(head), int64(len(head))
			return nil
		}
	}
	if q.Header == nil {
		q.Header = http.Header{}
	}
	// A refusal comes before the bytes go, and a connection that has died
	// meanwhile is noticed while there is nothing to send again.
	q.Header.Set("Expect", "100-continue")
	q.Body, q.Size = io.MultiReader(bytes.NewReader(head), src), size
	return nil
}

// source is the caller's reader until the end of the call. The transport may
// go on reading for a while after the answer.
type source struct {
	r     io.Reader
	ctx   context.Context
	stall *stall // armed while the other side is to take what was read

	mu   sync.Mutex
	over bool
	err  error
}

var errOver = errors.New("the answer came before the end of the body")

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, errOver
	}
	s.stall.disarm() // this side's turn
	n, err := s.r.Read(p)
	s.stall.arm()
	if s.ctx.Err() != nil && (err == nil || errors.Is(err, io.EOF)) {
		n, err = 0, context.Cause(s.ctx) // the transport would send the last bytes all the same
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// end stops the reading and gives the error by which the reader failed.
func (s *source) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.stall.disarm()
	return s.err
}
