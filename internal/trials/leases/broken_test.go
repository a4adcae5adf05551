package leases

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"minilab/internal/taskdb"
)

// tries is how many histories a fault may take to show: who meets whom is up to
// the scheduler.
const tries = 40

var small = size{pool: 12, workers: 5, customers: 2, steps: 350}

// TestTheChecksFindWhatIsBroken tries histories on task databases that break
// one promise each, and wants the check that is there for it to see that.
func TestTheChecksFindWhatIsBroken(t *testing.T) {
	for name, c := range map[string]struct {
		broken func(b *broken)
		check  string
	}{
		"a lease that was reaped finishes":     {func(b *broken) { b.finish = lateFinish }, "order"},
		"a task is published twice":            {func(b *broken) { b.finish = publishTwice }, "answers"},
		"the same finish again is refused":     {func(b *broken) { b.finish = onlyOnce }, "order"},
		"a token is repeated":                  {func(b *broken) { b.claim = sameToken }, "answers"},
		"a task is leased to two":              {func(b *broken) { b.claim = leaseTwice }, "order"},
		"a creation is lost":                   {func(b *broken) { b.create = loseCreate }, "publication"},
		"a heartbeat is forgotten":             {func(b *broken) { b.beat = forgetBeat }, "answers"},
		"a heartbeat always goes well":         {func(b *broken) { b.beat = flatter }, "order"},
		"a cancellation is forgotten":          {func(b *broken) { b.cancel = forgetCancel }, "order"},
		"a release counts":                     {func(b *broken) { b.release = countRelease }, "order"},
		"an event is not told":                 {func(b *broken) { b.events = dropEvent }, "feed"},
		"events are told in the wrong order":   {func(b *broken) { b.events = swapEvents }, "feed"},
		"a result has another digest":          {func(b *broken) { b.finish = otherDigest }, "publication"},
		"a key of idempotency makes two tasks": {func(b *broken) { b.create = forgetKey }, "keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(tries) {
				found := brokenTrial(t, seed, c.broken)[c.check]
				if slices.ContainsFunc(found, func(f string) bool { return !strings.Contains(f, string(porcupine.Unknown)) }) {
					return
				}
			}
			t.Errorf("the check of %q found nothing", c.check)
		})
	}
}

// brokenTrial is what the checks say of a history on a broken task database.
func brokenTrial(t *testing.T, seed uint64, breaking func(b *broken)) map[string][]string {
	tr := newTrial(t, seed, small, false, func(s taskdb.Store) taskdb.Store {
		b := &broken{Store: s, held: map[string]taskdb.Claimed{}, done: map[string]bool{}}
		breaking(b)
		return b
	})
	return tr.check(tr.run(), time.Second/4)
}

// broken is a task database of which some calls are not what they should be.
type broken struct {
	taskdb.Store
	mu   sync.Mutex
	n    int
	held map[string]taskdb.Claimed // all leases there ever were
	last taskdb.Claimed
	done map[string]bool // leases that have finished

	create  func(ctx context.Context, b *broken, t taskdb.Task) (taskdb.Task, bool, error)
	claim   func(ctx context.Context, b *broken, r taskdb.ClaimRequest) ([]taskdb.Claimed, error)
	finish  func(ctx context.Context, b *broken, f taskdb.Finish) ([]error, error)
	beat    func(ctx context.Context, b *broken, h taskdb.Heartbeat) ([]error, error)
	release func(ctx context.Context, b *broken, r taskdb.Release) ([]error, error)
	cancel  func(ctx context.Context, b *broken, id string) (taskdb.Task, error)
	events  func(list []taskdb.Event) []taskdb.Event
}

// every says yes each n-th time.
func (b *broken) every(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	return b.n%n == 0
}

func (b *broken) Create(ctx context.Context, t taskdb.Task) (taskdb.Task, bool, error) {
	if b.create != nil {
		return b.create(ctx, b, t)
	}
	return b.Store.Create(ctx, t)
}

func (b *broken) Claim(ctx context.Context, r taskdb.ClaimRequest) ([]taskdb.Claimed, error) {
	if b.claim != nil {
		return b.claim(ctx, b, r)
	}
	return b.remember(b.Store.Claim(ctx, r))
}

func (b *broken) remember(list []taskdb.Claimed, err error) ([]taskdb.Claimed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range list {
		b.held[c.Lease], b.last = c, c
	}
	return list, err
}

func (b *broken) Finish(ctx context.Context, list []taskdb.Finish) ([]error, error) {
	if b.finish != nil {
		return b.finish(ctx, b, list[0])
	}
	return b.Store.Finish(ctx, list)
}

func (b *broken) Heartbeat(ctx context.Context, list []taskdb.Heartbeat) ([]error, error) {
	if b.beat != nil {
		return b.beat(ctx, b, list[0])
	}
	return b.Store.Heartbeat(ctx, list)
}

func (b *broken) Release(ctx context.Context, list []taskdb.Release) ([]error, error) {
	if b.release != nil {
		return b.release(ctx, b, list[0])
	}
	return b.Store.Release(ctx, list)
}

func (b *broken) Cancel(ctx context.Context, id string) (taskdb.Task, error) {
	if b.cancel != nil {
		return b.cancel(ctx, b, id)
	}
	return b.Store.Cancel(ctx, id)
}

func (b *broken) Events(ctx context.Context, after int64, limit int, wait time.Duration) ([]taskdb.Event, error) {
	list, err := b.Store.Events(ctx, after, limit, wait)
	if b.events != nil {
		list = b.events(list)
	}
	return list, err
}
