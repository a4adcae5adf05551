package master

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"minilab/internal/taskdb"
	"minilab/internal/telemetry"
)

// feedWait is how long one reading of the feed waits for news.
const feedWait = 30 * time.Second

// feedPause is the pause after the feed could not be read.
const feedPause = 500 * time.Millisecond

// ends tells waiters to look at their task again. However many wait, one loop
// reads the feed for all of them, and only while somebody waits.
type ends struct {
	db      taskdb.Store
	log     *slog.Logger
	mu      sync.Mutex
	waiters map[string]map[chan struct{}]struct{} // by task ID
	cancel  context.CancelFunc                    // of the loop; nil: none runs
	running sync.WaitGroup
	closed  bool
}

func newEnds(db taskdb.Store, log *slog.Logger) *ends {
	return &ends{db: db, log: log, waiters: map[string]map[chan struct{}]struct{}{}}
}

// wait gives a channel that gets a value when the task may have ended since;
// stop gives it back. Once ends is closed nobody can wait.
func (e *ends) wait(ctx context.Context, id string) (look <-chan struct{}, stop func(), ok bool) {
	c := make(chan struct{}, 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, false
	}
	if e.waiters[id] == nil {
		e.waiters[id] = map[chan struct{}]struct{}{}
	}
	e.waiters[id][c] = struct{}{}
	if e.cancel == nil {
		loop, cancel := context.WithCancel(telemetry.Apart(ctx))
		e.cancel = cancel
		e.running.Go(func() { e.follow(loop) })
	}
	return c, func() { e.leave(id, c) }, true
}

func (e *ends) leave(id string, c chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.waiters[id], c)
	if len(e.waiters[id]) == 0 {
		delete(e.waiters, id)
	}
}

// follow reads the feed until nobody waits any more. Whenever it has no place
// in the feed it takes the present end and makes everybody look again, because
// their tasks may have ended before.
func (e *ends) follow(ctx context.Context) {
	seq := int64(-1)
	for e.needed(ctx) {
		next, err := e.step(ctx, seq)
		if err != nil && ctx.Err() == nil {
			e.log.WarnContext(ctx, "feed cannot be read", "error", err)
			sleep(ctx, feedPause)
		}
		seq = next
	}
}

// step reads on from seq, or from the end when seq is -1, and says where the
// reading goes on: -1 after an error.
func (e *ends) step(ctx context.Context, seq int64) (int64, error) {
	if seq < 0 {
		stats, err := e.db.Stats(ctx)
		if err != nil {
			return -1, err
		}
		e.notifyAll()
		return stats.LastSeq, nil
	}
	asked := time.Now()
	events, err := e.db.Events(ctx, seq, 0, feedWait)
	if err != nil {
		return -1, err
	}
	if len(events) == 0 && time.Since(asked) < feedPause {
		sleep(ctx, feedPause) // a database that does not wait must not be asked without end
	}
	for _, ev := range events {
		seq = ev.Seq
		if ev.State.Ended() || ev.Deleted {
			e.notify(ev.ID)
		}
	}
	return seq, nil
}

// needed says whether the loop goes on; if not, the next waiter starts another.
func (e *ends) needed(ctx context.Context) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiters) > 0 && ctx.Err() == nil {
		return true
	}
	if e.cancel != nil {
		e.cancel()
		e.cancel = nil
	}
	return false
}

func (e *ends) notify(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.waiters[id] {
		poke(c)
	}
}

func (e *ends) notifyAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, set := range e.waiters {
		for c := range set {
			poke(c)
		}
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// close ends the loop.
func (e *ends) close() {
	e.mu.Lock()
	e.closed = true
	if e.cancel != nil {
		e.cancel()
	}
	e.mu.Unlock()
	e.running.Wait()
}
