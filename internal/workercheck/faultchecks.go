package workercheck

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"minilab/internal/taskdb"
)

func damagedSource(t *trial) error {
	var served atomic.Int64
	id, err := t.beginWith(faults{source: func(w http.ResponseWriter, _ *http.Request, data []byte) {
		if served.Add(1) == 1 {
			data = bytes.Clone(data)
			data[len(data)/2] ^= 0x10
		}
		write(w, data)
	}})
	if err != nil {
		return err
	}
	if err := unreached(t.until("reading the source", answered(http.StatusOK), source)); err != nil {
		return err
	}
	task, err := t.settled(id, taskdb.Finished, taskdb.Failed)
	switch {
	case err != nil:
		return err
	case task.State == taskdb.Failed:
		return fmt.Errorf("one byte was changed on the way, and the task failed for good%s", because(task))
	case served.Load() < 2:
		return errors.New("one byte was changed on the way, and it published what it made of that")
	}
	return nil
}

func storageAway(t *trial) error {
	var refused atomic.Bool
	id, err := t.beginWith(faults{instead: func(c call, w http.ResponseWriter) bool {
		return c.kind == store && refused.CompareAndSwap(false, true) && refuse(w)
	}})
	if err != nil {
		return err
	}
	if err := unreached(t.until("storing the result", some, store)); err != nil {
		return err
	}
	task, err := t.settled(id, taskdb.Finished, taskdb.Failed)
	if err == nil && task.State == taskdb.Failed {
		err = fmt.Errorf("the storage answered 503 once, and the task failed for good%s; give it back (/workReleased) or fail it with retry true", because(task))
	}
	return err
}

// slow hands the worker an image that comes slowly until it is resumed.
func (t *trial) slow() (id string, w work, resume func(), err error) {
	released := make(chan struct{})
	resume = sync.OnceFunc(func() { close(released) })
	var served atomic.Bool
	id, err = t.beginWith(faults{source: func(w http.ResponseWriter, r *http.Request, data []byte) {
		if served.CompareAndSwap(false, true) {
			stalled(released)(w, r, data)
		} else {
			write(w, data)
		}
	}})
	if err == nil {
		w, err = t.taken()
		err = unreached(err)
	}
	if err == nil {
		err = unreached(t.until("reading the source", answered(http.StatusOK), source))
	}
	return id, w, resume, err
}

func heartbeats(t *trial) error {
	id, w, resume, err := t.slow()
	defer resume()
	if err != nil {
		return err
	}
	slowness := leaseTime * 5 / 2
	t.pass(slowness)
	resume()
	err = t.finished(id)
	calls, _ := t.proxy.seen(heartbeat)
	accepted := 0
	for _, c := range calls {
		if c.of(w) && c.status == http.StatusOK {
			accepted++
		}
	}
	if err != nil || accepted == 0 {
		return fmt.Errorf("the image came slowly, for %v, and the lease is good for %v: %d heartbeats were accepted; one is due every third of leaseSeconds, from the moment of the claim (%w)",
			slowness, leaseTime, accepted, errors.Join(err, errNoBeat(accepted)))
	}
	return nil
}

func errNoBeat(accepted int) error {
	if accepted == 0 {
		return errors.New("none came")
	}
	return nil
}

func canceled(t *trial) error {
	id, w, resume, err := t.slow()
	defer resume()
	if err != nil {
		return err
	}
	if _, err := t.tasks.Cancel(t.ctx, id); err != nil {
		return err
	}
	return t.dropped(w, resume, t.next)
}

func leaseLost(t *trial) error {
	id, w, resume, err := t.slow()
	defer resume()
	if err != nil {
		return err
	}
	if err := t.lab.Release(t.ctx, w.ID, w.Lease); err != nil { // as if it had expired: the lease is not the current one any more
		return unreached(err)
	}
	return t.dropped(w, resume, func() error { return t.finished(id) })
}

// noticeTime is how long a worker may take to act on an answer.
const noticeTime = leaseTime / 2

// dropped checks that nothing more comes of work whose heartbeat was answered
// 409, and that the worker goes on.
func (t *trial) dropped(w work, resume func(), goesOn func() error) error {
	err := t.until("a heartbeat that is answered 409", func(calls []call) bool {
		for _, c := range calls {
			if c.of(w) && c.status == http.StatusConflict {
				return true
			}
		}
		return false
	}, heartbeat)
	if err != nil {
		return unreached(err)
	}
	t.pass(noticeTime)
	resume()
	if err := goesOn(); err != nil {
		return err
	}
	for _, c := range t.reports(w) {
		return fmt.Errorf("it called /%s for a lease that a heartbeat had told it was over", c.kind)
	}
	return nil
}

func answerLost(t *trial) error {
	var lost atomic.Bool
	id, err := t.beginWith(faults{after: func(c call, w http.ResponseWriter) bool {
		return c.kind == workFinished && lost.CompareAndSwap(false, true) && refuse(w)
	}})
	if err != nil {
		return err
	}
	w, err := t.taken()
	if err == nil {
		err = t.finished(id)
	}
	if err != nil {
		return unreached(err)
	}
	if err := t.next(); err != nil {
		return err
	}
	list := t.reports(w)
	for _, c := range list[1:] {
		if c.kind != workFinished || !bytes.Equal(c.body, list[0].body) {
			return fmt.Errorf("the answer to its report was 503, though the result was published; then it called /%s with %.200s", c.kind, c.body)
		}
	}
	return nil
}

// awayTime is how long the master is away, maxTries how often it may be called
// meanwhile.
const (
	awayTime = 3 * time.Second
	maxTries = 12
)

func masterBusy(t *trial) error {
	t.proxy.broken(faults{instead: func(_ call, w http.ResponseWriter) bool { return refuse(w) }})
	if err := t.begin(); err != nil {
		return err
	}
	if err := unreached(t.until("a call of /getWork", some, getWork)); err != nil {
		return err
	}
	t.pass(awayTime)
	calls, _ := t.proxy.seen()
	t.proxy.broken(faults{})
	if len(calls) > maxTries {
		return fmt.Errorf("it called %d times within %v, while every answer was 503 with Retry-After: 1", len(calls), awayTime)
	}
	return t.next()
}

func masterAway(t *trial) error {
	if err := t.begin(); err != nil {
		return err
	}
	if err := unreached(t.until("a call of /getWork", some, getWork)); err != nil {
		return err
	}
	t.proxy.down()
	t.pass(awayTime)
	if err := t.proxy.up(); err != nil {
		return err
	}
	return t.next()
}

func stopsIdle(t *trial) error {
	if err := t.begin(); err != nil {
		return err
	}
	if err := unreached(t.until("a call of /getWork", some, getWork)); err != nil {
		return err
	}
	return t.stops()
}

// stopTime is how long a worker may take to end once it was asked to.
const stopTime = 10 * time.Second

func (t *trial) stops() error {
	if err := t.worker.terminate(); err != nil {
		return unreached(err)
	}
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-t.worker.ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("it still runs %v after SIGTERM", stopTime)
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}

func stopsAtWork(t *trial) error {
	id, _, resume, err := t.slow()
	defer resume()
	if err != nil {
		return err
	}
	go func() {
		t.pass(leaseTime / 3) // who wants to finish it can, a little later
		resume()
	}()
	if err := t.stops(); err != nil {
		return err
	}
	task, err := t.tasks.Get(t.ctx, id)
	switch {
	case err != nil:
		return err
	case task.State == taskdb.Failed || task.Failures > 0:
		return fmt.Errorf("it blamed the image for its own stop%s: give it back by /workReleased", because(task))
	case task.State == taskdb.InProgress || task.Lost > 0:
		return errors.New("it ended and kept its work: nobody else gets it before the lease runs out; give it back by /workReleased")
	}
	return nil
}
