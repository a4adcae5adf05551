package client

import (
	"context"
	"errors"
	"io"
	"time"
)

// stallTime is how long the lab may send nothing of an answer that it has
// begun. A stream of events has a ping every 15 seconds.
const stallTime = time.Minute

var errStalled = errors.New("the answer has stopped")

// lively is a body that is given up when nothing comes. The time that its
// reader takes does not count.
type lively struct {
	io.Reader
	stall *time.Timer
}

func newLively(r io.Reader, cancel context.CancelCauseFunc) *lively {
	return &lively{r, time.AfterFunc(stallTime, func() { cancel(errStalled) })}
}

// Read implements io.Reader.
func (l *lively) Read(p []byte) (int, error) {
	l.stall.Reset(stallTime)
	defer l.stall.Stop()
	return l.Reader.Read(p)
}
