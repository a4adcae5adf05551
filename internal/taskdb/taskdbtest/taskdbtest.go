// Package taskdbtest is the suite that every task database passes, the client
// of its wire included. Each case is a sentence of the contract in package
// taskdb.
//
//	func TestStore(t *testing.T) {
//		taskdbtest.Run(t, func(t *testing.T, c taskdbtest.Config) taskdbtest.Subject { … }, taskdbtest.Options{})
//	}
package taskdbtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
)

// patience is how long a case waits for what must happen; it bounds a failing
// run and nothing else.
const patience = 30 * time.Second

// Subject is an empty task database under test.
type Subject struct {
	taskdb.Store

	// Reap ends the attempts whose leases have expired by the clock and says
	// how many. Nothing else does so during a case.
	Reap func(ctx context.Context) (int, error)

	// Trim removes what is beyond the feed's limits.
	Trim func(ctx context.Context) error
}

// Config is how a subject is opened.
type Config struct {
	Now        func() time.Time
	Lease      time.Duration
	Deadline   time.Duration
	MaxWaiting int64
	KeepEvents int64
	KeepFor    time.Duration
	Backoff    func(n int) time.Duration
}

// Options are the real differences between task databases.
type Options struct {
	Gaps  bool // the feed's seqs may have gaps
	Lossy bool // an answer can be lost on its way to a caller who leaves; a lease in it has to expire
}

// Clock goes with the real time, and can be put forward.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Advance puts the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// testCase is a sentence of the contract.
type testCase struct {
	name string
	run  func(s *suite)
	with func(c *Config) // nil: as usual
}

// Run tests the databases that open gives, a fresh one for each case; closing
// it is the business of open.
func Run(t *testing.T, open func(t *testing.T, c Config) Subject, opts Options) {
	groups := [][]testCase{
		createCases, idempotencyCases, transitionCases, claimCases, fairCases, waitCases, leaseCases, finishCases,
		failCases, batchCases, listCases, deleteCases, feedCases, statsCases, bornCases, progressCases, placesCases, contextCases, modelCases,
		webhookCases, outboxCases,
	}
	for _, group := range groups {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				s := newSuite(t, opts)
				if c.with != nil {
					c.with(&s.cfg)
				}
				s.Subject = open(t, s.cfg)
				c.run(s)
			})
		}
	}
}

// suite is one case under way.
type suite struct {
	*testing.T
	Subject
	clock *Clock
	cfg   Config
	opts  Options
}

func newSuite(t *testing.T, opts Options) *suite {
	clock := &Clock{}
	return &suite{T: t, clock: clock, opts: opts, cfg: Config{
		Now: clock.Now, Lease: time.Hour, Deadline: 100 * time.Hour, MaxWaiting: 10_000, KeepEvents: 100_000, KeepFor: 1000 * time.Hour,
		Backoff: func(n int) time.Duration { return time.Duration(n) * 10 * time.Hour },
	}}
}

// Fail is the store's, not the test's.
func (s *suite) Fail(ctx context.Context, list []taskdb.Failure) ([]error, error) {
	return s.Store.Fail(ctx, list)
}

// wanted is the least of a task.
func wanted(id string) taskdb.Task {
	return taskdb.Task{ID: id, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: "inProgress/" + id, Size: 1}}
}

func parse(s *suite, text string) pipeline.Pipeline {
	s.Helper()
	p, err := pipeline.Parse(text)
	s.ok(err)
	return p
}

func (s *suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("unexpected error: %v", err)
	}
}

func (s *suite) is(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("got error %v, want %v", err, want)
	}
}

// create makes tasks of which only the id matters, or what set changes.
func (s *suite) create(id string, set ...func(*taskdb.Task)) taskdb.Task {
	s.Helper()
	t := wanted(id)
	for _, f := range set {
		f(&t)
	}
	got, created, err := s.Create(s.Context(), t)
	s.ok(err)
	if !created {
		s.Fatalf("task %q was there already", id)
	}
	return got
}

func (s *suite) createMany(prefix string, n int, set ...func(*taskdb.Task)) {
	s.Helper()
	for i := range n {
		s.create(fmt.Sprintf("%s-%05d", prefix, i), set...)
	}
}

// createAtOnce is createMany in no order.
func (s *suite) createAtOnce(prefix string, n int, set ...func(*taskdb.Task)) {
	s.Helper()
	const creators = 25
	together(creators, func(who int) {
		for i := who; i < n; i += creators {
			t := wanted(fmt.Sprintf("%s-%05d", prefix, i))
			for _, f := range set {
				f(&t)
			}
			if _, _, err := s.Create(s.Context(), t); err != nil {
				s.Error(err)
			}
		}
	})
}

func (s *suite) get(id string) taskdb.Task {
	s.Helper()
	t, err := s.Get(s.Context(), id)
	s.ok(err)
	return t
}

// claim leases what is next, without waiting.
func (s *suite) claim(n int) []taskdb.Claimed {
	s.Helper()
	list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "worker", Max: n})
	s.ok(err)
	return list
}

func (s *suite) claimOne(id string) taskdb.Claimed {
	s.Helper()
	list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "worker", ID: id})
	s.ok(err)
	if len(list) != 1 || list[0].ID != id {
		s.Fatalf("claimed %d tasks, want %q", len(list), id)
	}
	return list[0]
}

// started makes a task and leases it.
func (s *suite) started(id string, set ...func(*taskdb.Task)) taskdb.Claimed {
	s.Helper()
	s.create(id, set...)
	return s.claimOne(id)
}

// The reports, one at a time.

func (s *suite) beat(id, lease string, progress float64) error {
	return s.only(s.Heartbeat(s.Context(), []taskdb.Heartbeat{{ID: id, Lease: lease, Progress: progress}}))
}

func (s *suite) finish(f taskdb.Finish) error {
	return s.only(s.Finish(s.Context(), []taskdb.Finish{f}))
}

func (s *suite) fail(id, lease, code string, retry bool) error {
	return s.only(s.Fail(s.Context(), []taskdb.Failure{{ID: id, Lease: lease, Error: taskdb.Error{Code: code, Detail: "it failed"}, Retry: retry}}))
}

func (s *suite) remove(id string) error {
	_, err := s.Delete(s.Context(), id)
	return err
}

func (s *suite) release(id, lease string) error {
	return s.only(s.Release(s.Context(), []taskdb.Release{{ID: id, Lease: lease}}))
}

func (s *suite) only(errs []error, err error) error {
	s.Helper()
	s.ok(err)
	if len(errs) != 1 {
		s.Fatalf("a list of one was answered with %d", len(errs))
	}
	return errs[0]
}

// result is a finish of the attempt with an output for each that is wanted.
func result(c taskdb.Claimed) taskdb.Finish {
	f := taskdb.Finish{ID: c.ID, Lease: c.Lease}
	for _, o := range c.Outputs {
		f.Outputs = append(f.Outputs, taskdb.Output{Name: o.Name, Blob: taskdb.Blob{
			Key: fmt.Sprintf("finished/%s.%d.%s", c.ID, c.Token, o.Name), Size: 7, SHA256: "5e", ContentType: "image/png",
		}})
	}
	return f
}

// expire lets every lease expire and has them reaped.
func (s *suite) expire(want int) {
	s.Helper()
	s.clock.Advance(s.cfg.Lease + time.Second)
	s.reap(want)
}

func (s *suite) reap(want int) {
	s.Helper()
	n, err := s.Reap(s.Context())
	s.ok(err)
	if n != want {
		s.Fatalf("%d leases were reaped, want %d", n, want)
	}
}

func ids[T any](list []T, id func(T) string) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = id(e)
	}
	return out
}

func claimedIDs(list []taskdb.Claimed) []string {
	return ids(list, func(c taskdb.Claimed) string { return c.ID })
}

func taskIDs(list []taskdb.Task) []string {
	return ids(list, func(t taskdb.Task) string { return t.ID })
}

// together runs f n times at once and waits for all of them.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			f(i)
		})
	}
	close(gate)
	wg.Wait()
}
