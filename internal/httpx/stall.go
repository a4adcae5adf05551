package httpx

import (
	"context"
	"errors"
	"io"
	"time"

	"minilab/internal/fault"
)

// stallTime is how long the other side of a stream may neither take nor give
// a byte.
const stallTime = time.Minute

// errStalled is the cause of streams whose other side has stopped.
var errStalled = fault.ErrUnavailable.Because(errors.New("the stream has stopped"))

// stall cancels a stream whose other side keeps it waiting. It counts only
// while armed, so that the slowness of this side's own caller does not count.
type stall struct {
	timer *time.Timer
}

func newStall(ctx context.Context) (context.Context, *stall, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &stall{timer: time.AfterFunc(stallTime, func() { cancel(errStalled) })}
	return ctx, s, func() {
		s.timer.Stop()
		cancel(nil)
	}
}

func (s *stall) arm()    { s.timer.Reset(stallTime) }
func (s *stall) disarm() { s.timer.Stop() }

// watchedBody is an answer's body that must not stall. Closing it ends the
// watch.
type watchedBody struct {
	io.ReadCloser
	stall  *stall
	cancel context.CancelFunc
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.stall.arm()
	defer b.stall.disarm()
	return b.ReadCloser.Read(p)
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
