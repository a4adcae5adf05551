package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// Pauses between attempts: doubled each time, and a random part of each.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// attempts are those of one call.
type attempts struct {
	patience time.Duration
	waiting  func(err error, until time.Time)
	since    time.Time // of the first that failed; zero: none has
	pause    time.Duration
}

func (c *Client) newAttempts() *attempts { return &attempts{patience: c.patience, waiting: c.waiting} }

// next waits until there may be another attempt after err. When there is none,
// as patience is at its end, or the context is, it gives the error to end with.
func (a *attempts) next(ctx context.Context, err error) error { return a.after(ctx, err, 0) }

// after is next with a pause of at least that long.
func (a *attempts) after(ctx context.Context, err error, pause time.Duration) error {
	if a.since.IsZero() {
		a.since, a.pause = time.Now(), firstPause
	}
	pause = max(pause, a.pause/2+rand.N(a.pause/2+1))
	a.pause = min(2*a.pause, longestPause)
	if e := (*Error)(nil); errors.As(err, &e) {
		pause = max(pause, e.RetryAfter)
	}
	if time.Since(a.since)+pause > a.patience {
		return err
	}
	a.waiting(err, time.Now().Add(pause))
	if !sleep(ctx, pause) {
		return fmt.Errorf("%w, after: %w", context.Cause(ctx), err)
	}
	return nil
}

// renew forgets what has failed, after something has gone well.
func (a *attempts) renew() { a.since = time.Time{} }

// sleep is false when the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// again says whether the call may be made again after err, and whether that
// may help.
func (q call) again(err error) bool {
	if !q.body.rewinds() {
		return false
	}
	return refused(err) || !q.once && broken(err)
}

// refused says that nothing was done and that it may be done later.
func refused(err error) bool {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable
	}
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && op.Op == "dial"
}

// broken says that it may have been done or not.
func broken(err error) bool {
	if e := (*Error)(nil); errors.As(err, &e) {
		switch e.Status {
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
			return true
		}
		return e.Code == "body-cut"
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrUnreadable):
		return false
	case errors.As(err, new(*tls.CertificateVerificationError)), errors.Is(err, http.ErrSchemeMismatch):
		return false // it is somebody else, and stays so
	}
	return true // of the network
}
