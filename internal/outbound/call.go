package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"minilab/internal/fault"
)

// errSlow is the cause of calls that took longer than they may, or whose body
// stopped.
var errSlow = errors.New("too slow")

// Do makes a call, whose context bounds it besides. An error is a fault of this
// package, or the context's cause. Any status is an answer. The caller closes
// its body, whose reading fails with ErrTooLarge over the limit and with ErrCut
// when it ends early, pauses too long or takes too long.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	if err := c.check(req.URL); err != nil {
		return nil, err
	}
	caller := req.Context()
	ctx, cancel := context.WithCancelCause(caller)
	total := time.AfterFunc(c.cfg.Total, func() { cancel(errSlow) })
	end := func() { total.Stop(); cancel(nil) }
	req = req.Clone(ctx)
	req.Header.Set("User-Agent", c.cfg.Agent)
	resp, err := c.http.Do(req)
	if err != nil {
		err = failed(caller, err)
		end()
		return nil, err
	}
	pause := time.AfterFunc(pauseTime, func() { cancel(errSlow) })
	pause.Stop()
	resp.Body = &body{ReadCloser: resp.Body, caller: caller, left: c.cfg.MaxBytes, pause: pause, end: end}
	return resp, nil
}

// failed says why there was no answer. More than a few words would tell what
// is where.
func failed(caller context.Context, err error) error {
	if caller.Err() != nil {
		return context.Cause(caller)
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f
	}
	dns, _ := errors.AsType[*net.DNSError](err)
	network, _ := errors.AsType[net.Error](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, errNotPublic), dns != nil && dns.IsNotFound:
		return forbidden(err)
	case untrusted:
		return ErrUnreachable.Detailf("the source's certificate is not to be trusted").Because(err)
	case errors.Is(err, errSlow), network != nil && network.Timeout():
		return ErrUnreachable.Detailf("the source did not answer in time").Because(err)
	}
	return ErrUnreachable.Because(err)
}

// body is an answer's body within its limits.
type body struct {
	io.ReadCloser
	caller context.Context //nolint:containedctx // the one of the call that this is the answer to
	left   int64           // bytes that may still come
	pause  *time.Timer
	end    func()
}

// Read implements io.Reader. The time between two reads is the caller's own and
// counts for the whole call only.
func (b *body) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	b.pause.Reset(pauseTime)
	n, err := b.ReadCloser.Read(p)
	b.pause.Stop()
	if int64(n) > b.left {
		return int(b.left), ErrTooLarge
	}
	b.left -= int64(n)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case b.caller.Err() != nil:
		return n, context.Cause(b.caller)
	}
	return n, ErrCut.Because(errors.New(err.Error())) // to others io.ErrUnexpectedEOF is a caller's
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.pause.Stop()
	defer b.end()
	return b.ReadCloser.Close()
}
