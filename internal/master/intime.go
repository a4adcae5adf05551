package master

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"minilab/internal/fault"
	"minilab/internal/taskdb"
)

var errTooLate = fault.ErrUnavailable.Because(errors.New("making the task took so long that its bytes may have been swept"))

// watched is a body of which it is known when its last bytes were read. The
// storage has written them later than that.
type watched struct {
	r    io.Reader
	last atomic.Pointer[time.Time]
}

func watch(r io.Reader) *watched {
	w := &watched{r: r}
	w.note()
	return w
}

func (w *watched) note() {
	now := time.Now()
	w.last.Store(&now)
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.note()
	}
	return n, err
}

// createInTime makes the task durable while the sweeper surely leaves its bytes
// alone. Whatever was made later is undone, as far as that can be: nobody is
// told of it, but for who has asked with the same idempotency key meanwhile.
func (m *Master) createInTime(ctx context.Context, t taskdb.Task, body *watched) (taskdb.Task, error) {
	if m.late(body) { // the results of an earlier task took so long to copy
		m.discardAll(ctx, t)
		return t, errTooLate
	}
	got, err := m.create(ctx, t)
	if err != nil || got.ID != t.ID || !m.late(body) {
		return got, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	switch _, err := m.DB.Withdraw(ctx, t.ID); {
	case err == nil:
		m.discardAll(ctx, t)
	case errors.Is(err, taskdb.ErrGiven):
		return got, nil
	default:
		m.Log.WarnContext(ctx, "a task that was made too late stays behind", "task_id", t.ID, "error", err)
	}
	return got, errTooLate
}

// late says whether the sweeper may have taken the bytes of a task that is not
// there yet.
func (m *Master) late(body *watched) bool {
	return m.SubmitTime != 0 && elapsed(*body.last.Load()) > m.SubmitTime
}

// elapsed is the time since then by whichever clock says more: the monotonic
// one stands still while a machine is suspended, the other may be put back.
func elapsed(since time.Time) time.Duration {
	return max(time.Since(since), time.Now().Round(0).Sub(since.Round(0)))
}
