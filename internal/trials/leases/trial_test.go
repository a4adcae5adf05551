// Package leases tries the rules of leases on real parts: workers of every bad
// habit and customers who change their minds, all at once, under a clock that
// the test moves. What everybody asked and was told is one history, which must
// be one that the rules permit: of each task by a model (machine_test.go), of
// the feed and the storage by what must always hold (feed_test.go,
// published_test.go). The checks themselves are tried on broken task
// databases (broken_test.go).
package leases

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/taskdb"
)

var histories = flag.Int("histories", 0, "how many more histories to try, of each kind")

// size is how large a history is.
type size struct{ pool, workers, customers, steps int }

var usual = size{pool: 20, workers: 6, customers: 3, steps: 800}

// patience bounds a failing run and nothing else.
const patience = 10 * time.Minute

// trial is one history in the making.
type trial struct {
	parts
	*testing.T
	size
	clock *clock
	h     *history
	seed  uint64
	left  atomic.Int64 // steps
	who   atomic.Int64 // the next actor's number
	spend sync.Once
	spent chan struct{} // closed when there are no more steps

	mu    sync.Mutex
	young []string      // tasks made last
	moved chan struct{} // closed when the clock moves, and another one takes its place
}

func newTrial(t *testing.T, seed uint64, n size, wire bool, around func(taskdb.Store) taskdb.Store) *trial {
	c := newClock()
	tr := &trial{T: t, parts: open(t, c, wire, around), size: n, clock: c, seed: seed,
		h: &history{clock: c, good: map[string]bool{}}, moved: make(chan struct{}), spent: make(chan struct{})}
	tr.left.Store(int64(n.steps))
	return tr
}

// run lets everybody loose, brings what is left to its end, and gives back the
// history and the whole feed.
func (tr *trial) run() []taskdb.Event {
	ctx, stop := context.WithTimeout(tr.Context(), patience)
	defer stop()
	reading, stopReading := context.WithCancel(ctx)
	var actors, reader sync.WaitGroup
	reader.Go(func() { tr.follow(reading) })
	for i := range tr.workers {
		w := newWorker(tr, i)
		actors.Go(func() { w.work(ctx) })
	}
	for range tr.customers {
		c := customer{tr.actor()}
		actors.Go(func() { c.visit(ctx) })
	}
	for range 2 {
		a := tr.actor()
		actors.Go(func() { a.reaper(ctx) })
	}
	actors.Wait()
	tr.settle(ctx)
	events := tr.feed(ctx)
	tr.caughtUp(ctx, events)
	stopReading()
	reader.Wait()
	return events
}

// actor is somebody whose calls come one after another.
type actor struct {
	*trial
	*rand.Rand
	client int
}

func (tr *trial) actor() actor {
	n := tr.who.Add(1)
	return actor{tr, rand.New(rand.NewPCG(tr.seed, uint64(n))), int(n)}
}

// next says whether there is another step; each one lets some time pass.
func (a actor) next(ctx context.Context) bool {
	a.clock.pass(time.Duration(a.Int64N(int64(leaseTime / 20))))
	a.mu.Lock()
	close(a.moved)
	a.moved = make(chan struct{})
	a.mu.Unlock()
	left := a.left.Add(-1)
	if left == 0 || ctx.Err() != nil {
		a.spend.Do(func() { close(a.spent) })
	}
	return left > 0 && ctx.Err() == nil
}

// tick waits until the clock has moved, and says whether there are more steps.
func (a actor) tick() bool {
	a.mu.Lock()
	moved := a.moved
	a.mu.Unlock()
	select {
	case <-moved:
		return true
	case <-a.spent:
		return false
	}
}

// note records a call and its answer.
func (a actor) note(o op, call func(o *op) error) error {
	o.client = a.client
	o = a.h.begin(o)
	err := call(&o)
	a.h.end(o, err)
	return err
}

// reaper looks for expired leases now and then, as the other one does.
func (a actor) reaper(ctx context.Context) {
	for due := a.clock.time(); a.tick(); {
		if now := a.clock.time(); !now.Before(due) {
			a.look(ctx)
			due = now.Add(leaseTime/6 + time.Duration(a.Int64N(int64(leaseTime/2))))
		}
	}
}

func (a actor) look(ctx context.Context) {
	_ = a.note(op{kind: reap}, func(o *op) (err error) {
		o.reaped, err = a.reap(ctx)
		return err
	})
}

// see reads a task.
func (a actor) see(ctx context.Context, id string) (t taskdb.Task, err error) {
	err = a.note(op{kind: get, id: id}, func(o *op) error {
		t, err = a.tasks.Get(ctx, id)
		o.seen = t
		return err
	})
	return t, err
}

// poolID is an id that customers choose themselves, again and again.
func (a actor) poolID() string { return fmt.Sprintf("t-%02d", a.IntN(a.pool)) }

// someID is any id, preferably of a task that is new.
func (a actor) someID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.IntN(3) == 0 || len(a.young) == 0 {
		return a.poolID()
	}
	return a.young[a.IntN(len(a.young))]
}

// heard tells the others of a task that was made under an id of the lab's.
func (tr *trial) heard(id string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.young = append(tr.young, id); len(tr.young) > 8 {
		tr.young = tr.young[1:]
	}
}

// follow reads along with the feed.
func (tr *trial) follow(ctx context.Context) {
	for after := int64(0); ctx.Err() == nil; {
		list, err := tr.tasks.Events(ctx, after, 0, patience)
		if err != nil && ctx.Err() == nil {
			tr.Errorf("the feed cannot be read: %v", err)
			return
		}
		tr.h.mu.Lock()
		tr.h.tail = append(tr.h.tail, list...)
		tr.h.mu.Unlock()
		if len(list) > 0 {
			after = list[len(list)-1].Seq
		}
	}
}

// caughtUp waits until the reader has come to the end, or cannot.
func (tr *trial) caughtUp(ctx context.Context, events []taskdb.Event) {
	soon := time.NewTicker(time.Millisecond)
	defer soon.Stop()
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until) && ctx.Err() == nil; <-soon.C {
		tr.h.mu.Lock()
		n := len(tr.h.tail)
		tr.h.mu.Unlock()
		if n >= len(events) {
			return
		}
	}
}

// feed is the whole feed.
func (tr *trial) feed(ctx context.Context) (whole []taskdb.Event) {
	for after := int64(0); ; after = whole[len(whole)-1].Seq {
		list, err := tr.tasks.Events(ctx, after, 0, 0)
		must(tr.T, err)
		if len(list) == 0 {
			return whole
		}
		whole = append(whole, list...)
	}
}

// settle has workers without other habits do what is left, and looks at every task at the end.
func (tr *trial) settle(ctx context.Context) {
	w := newWorker(tr, 0)
	for range 40 {
		tr.clock.pass(deadline)
		w.look(ctx)
		for w.claim(ctx, 16, false) > 0 {
			for _, a := range w.attempts {
				w.clock.free(a)
				w.settle(ctx, a.work)
			}
			w.attempts = nil
		}
		stats, err := tr.tasks.Stats(ctx)
		must(tr.T, err)
		if stats.Counts[taskdb.NotStarted]+stats.Counts[taskdb.InProgress] == 0 {
			break
		}
	}
	for _, id := range tr.h.ids() {
		_, _ = w.see(ctx, id)
	}
}
