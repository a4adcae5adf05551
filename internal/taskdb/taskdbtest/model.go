package taskdbtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"minilab/internal/taskdb"
)

// The model: many workers of every bad habit, two reapers, and customers who
// cancel and retry, all at once. What they were told is recorded, and so is
// the feed; afterwards both must make one consistent story.
var modelCases = []testCase{
	{name: "whatever workers do, each task is published once", run: model, with: func(c *Config) {
		c.Lease, c.Deadline = 150*time.Millisecond, 4*time.Second
		c.Backoff = func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	}},
}

const (
	modelTasks   = 100
	modelWorkers = 12
	modelSeed    = 1
	modelLimit   = 2 * time.Minute // of a failing run; a good one takes a second or two
)

// history is what the actors were told.
type history struct {
	mu        sync.Mutex
	claims    []taskdb.Claimed
	published map[string][]string // keys of the accepted finishes of each task
}

func (h *history) claimed(list []taskdb.Claimed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.claims = append(h.claims, list...)
}

func (h *history) accepted(f taskdb.Finish) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if key := f.Outputs[0].Key; !slices.Contains(h.published[f.ID], key) { // a repeated finish is one
		h.published[f.ID] = append(h.published[f.ID], key)
	}
}

func model(s *suite) {
	h := &history{published: map[string][]string{}}
	s.createAtOnce("m", modelTasks, func(t *taskdb.Task) { t.Owner = "o" + t.ID[len(t.ID)-1:]; t.Priority = int(t.ID[len(t.ID)-1]) % 2 })
	ctx, stop := context.WithTimeout(s.Context(), modelLimit)
	defer stop()
	var calm atomic.Bool // from now on everybody behaves
	var actors sync.WaitGroup
	for i := range modelWorkers {
		w := &modelWorker{suite: s, h: h, calm: &calm, name: fmt.Sprint("w", i), r: rand.New(rand.NewPCG(modelSeed, uint64(i)))}
		actors.Go(func() { w.work(ctx) })
	}
	for range 2 {
		actors.Go(func() { s.reapUntil(ctx) })
	}
	s.meddle(ctx, rand.New(rand.NewPCG(modelSeed, 1000)))
	calm.Store(true)
	s.untilEnded(ctx)
	stop()
	actors.Wait()
	s.checkHistory(h)
	s.checkFeed()
}

// reapUntil looks for expired leases again and again.
func (s *suite) reapUntil(ctx context.Context) {
	for tick := time.NewTicker(5 * time.Millisecond); ctx.Err() == nil; {
		if _, err := s.Reap(ctx); err != nil && ctx.Err() == nil {
			s.Error(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// meddle cancels and retries at random.
func (s *suite) meddle(ctx context.Context, r *rand.Rand) {
	for range 150 {
		id := fmt.Sprintf("m-%05d", r.IntN(modelTasks))
		var err error
		if r.IntN(3) == 0 {
			_, err = s.Cancel(ctx, id)
		} else {
			_, err = s.Retry(ctx, id)
		}
		if err != nil && !errors.Is(err, taskdb.ErrTransition) {
			s.Errorf("meddling with %s: %v", id, err)
		}
	}
}

// untilEnded follows the feed until every task has ended.
func (s *suite) untilEnded(ctx context.Context) {
	s.Helper()
	for {
		stats, err := s.Stats(ctx)
		s.ok(err)
		if stats.Counts[taskdb.NotStarted]+stats.Counts[taskdb.InProgress] == 0 {
			return
		}
		if _, err := s.Events(ctx, stats.LastSeq, 0, 50*time.Millisecond); err != nil {
			s.Fatalf("not all tasks ended: %v, %v", stats.Counts, err)
		}
	}
}

// modelWorker works, more or less.
type modelWorker struct {
	*suite
	h    *history
	calm *atomic.Bool
	name string
	r    *rand.Rand
	late []taskdb.Claimed // claims that it comes back to when they are long lost
}

func (w *modelWorker) work(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		list, err := w.Claim(ctx, taskdb.ClaimRequest{
			Worker: w.name, Max: 1 + w.r.IntN(3), Wait: 20 * time.Millisecond, Request: fmt.Sprintf("%s-%d", w.name, n),
		})
		if err != nil {
			continue // its time is up
		}
		w.h.claimed(list)
		for _, c := range list {
			w.attempt(ctx, c)
		}
	}
	for _, c := range w.late {
		w.report(c)
	}
}

func (w *modelWorker) attempt(ctx context.Context, c taskdb.Claimed) {
	habit := w.r.IntN(10)
	if w.calm.Load() {
		habit = 9
	}
	switch habit {
	case 0: // crashes
	case 1: // stalls beyond its lease, and reports
		w.stall(ctx, 2*w.cfg.Lease)
		w.report(c)
	case 2: // reports when all is over
		w.late = append(w.late, c)
	case 3:
		_ = w.tell(w.Fail(ctx, []taskdb.Failure{{ID: c.ID, Lease: c.Lease, Error: taskdb.Error{Code: "passing"}, Retry: true}}))
	case 4:
		_ = w.tell(w.Fail(ctx, []taskdb.Failure{{ID: c.ID, Lease: c.Lease, Error: taskdb.Error{Code: "bad"}}}))
		w.report(c)
	case 5:
		_ = w.tell(w.Release(ctx, []taskdb.Release{{ID: c.ID, Lease: c.Lease}}))
		w.report(c)
	case 6: // reports rubbish first
		w.rubbish(c)
		w.report(c)
	case 7: // works long, and lives
		for range 3 {
			w.stall(ctx, w.cfg.Lease/2)
			_ = w.tell(w.Heartbeat(ctx, []taskdb.Heartbeat{{ID: c.ID, Lease: c.Lease, Progress: w.r.Float64(), Stage: "altering"}}))
		}
		w.report(c)
	case 8: // reports twice at once
		together(2, func(int) { w.report(c) })
	default:
		w.report(c)
	}
}

// stall lets time go by, as a worker does that hangs.
func (w *modelWorker) stall(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// report tells of a result to the end: whether it was accepted must be known.
func (w *modelWorker) report(c taskdb.Claimed) {
	f := result(c)
	if w.tell(w.Finish(w.Context(), []taskdb.Finish{f})) == nil {
		w.h.accepted(f)
	}
}

func (w *modelWorker) rubbish(c taskdb.Claimed) {
	for _, f := range []taskdb.Finish{
		{ID: c.ID, Lease: c.Lease}, {ID: c.ID, Lease: "1.x", Outputs: result(c).Outputs}, {ID: "nobody", Lease: c.Lease, Outputs: result(c).Outputs},
	} {
		if w.tell(w.Finish(w.Context(), []taskdb.Finish{f})) == nil {
			w.Errorf("rubbish was accepted: %+v", f)
		}
	}
}

// tell is the answer to a list of one. Only what the contract has for a report
// may come back.
func (w *modelWorker) tell(errs []error, err error) error {
	if err != nil {
		return err // its time is up
	}
	for _, want := range []error{nil, taskdb.ErrLeaseLost, taskdb.ErrCanceled, taskdb.ErrTask} {
		if errors.Is(errs[0], want) {
			return errs[0]
		}
	}
	w.Errorf("a report was answered with %v", errs[0])
	return errs[0]
}

// checkHistory compares what the workers were told with the tasks.
func (s *suite) checkHistory(h *history) {
	s.Helper()
	for _, t := range s.all(taskdb.Filter{Limit: 100}) {
		keys := h.published[t.ID]
		switch {
		case len(keys) > 1:
			s.Errorf("%s was published %d times: %v", t.ID, len(keys), keys)
		case t.State == taskdb.Finished && (len(keys) != 1 || keys[0] != t.Outputs[0].Key):
			s.Errorf("%s points to %q, accepted was %v", t.ID, t.Outputs[0].Key, keys)
		case t.State != taskdb.Finished && len(keys) > 0:
			s.Errorf("%s is %s, but a finish was accepted", t.ID, t.State)
		}
	}
	slices.SortStableFunc(h.claims, func(a, b taskdb.Claimed) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Token, b.Token))
	})
	for i := 1; i < len(h.claims); i++ {
		if a, b := h.claims[i-1], h.claims[i]; a.ID == b.ID && a.Token == b.Token {
			s.Errorf("%s was leased twice with token %d, to %s and %s", a.ID, a.Token, a.Worker, b.Worker)
		}
	}
}

// checkFeed follows each task through the feed: it only moves as the table
// permits, from where it was, and its token grows with each claim by one.
func (s *suite) checkFeed() {
	s.Helper()
	last := map[string]taskdb.Event{}
	for after, more := int64(0), true; more; {
		list := s.events(after)
		more = len(list) > 0
		for _, e := range list {
			was := last[e.ID]
			token := was.Token
			if e.State == taskdb.InProgress && !e.GotOn() {
				token++
			}
			legal := e.From == "" || e.GotOn() && e.Stage == "altering" || slices.ContainsFunc(taskdb.Transitions, func(t taskdb.Transition) bool { return t.From == e.From && t.To == e.State })
			if e.From != was.State || e.Token != token || !legal {
				s.Errorf("after %s %d comes %s>%s %d", was.State, was.Token, e.From, e.State, e.Token)
			}
			last[e.ID], after = e, e.Seq
		}
	}
	for _, t := range s.all(taskdb.Filter{Limit: 100}) {
		if e := last[t.ID]; e.State != t.State || e.Token != t.Token {
			s.Errorf("%s is %s with token %d, the feed says %s, %d", t.ID, t.State, t.Token, e.State, e.Token)
		}
	}
}
