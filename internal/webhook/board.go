package webhook

import (
	"context"
	"errors"
	"slices"
	"sync"

	"minilab/internal/hook"
)

// errStale ends a claim that asks for less than there is room for by now.
var errStale = errors.New("there is more room")

// board knows what is under way to whom. An endpoint of which a claim's worth
// is under way is busy: nothing more is claimed for it until some is done.
type board struct {
	parallel, each int

	mu     sync.Mutex
	total  int
	lanes  map[string]*lane
	busy   []string                // as the present claim has it
	cancel context.CancelCauseFunc // of the present claim; nil: there is none
	room   chan struct{}           // has an element when a call has ended
}

// lane is an endpoint to which something is under way.
type lane struct {
	held  int           // deliveries, waiting for a place or being attempted
	calls chan struct{} // as many as may be attempted at a time
}

// room is what may be claimed.
type room struct {
	free int
	busy []string
}

func newBoard(parallel, each int) *board {
	return &board{parallel: parallel, each: each, lanes: map[string]*lane{}, room: make(chan struct{}, 1)}
}

// ask waits for room and says how much there is. The context that it gives ends
// with errStale when there is room for an endpoint that was busy; asked must
// follow.
func (b *board) ask(ctx context.Context) (context.Context, room, error) {
	for {
		if asking, r, ok := b.tryAsk(ctx); ok {
			return asking, r, nil
		}
		select {
		case <-b.room:
		case <-ctx.Done():
			return nil, room{}, context.Cause(ctx)
		}
	}
}

func (b *board) tryAsk(ctx context.Context) (asking context.Context, r room, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.free = b.parallel - b.total
	if r.free <= 0 {
		return nil, r, false
	}
	for endpoint, l := range b.lanes {
		if l.held >= b.each {
			r.busy = append(r.busy, endpoint)
		}
	}
	slices.Sort(r.busy)
	asking, b.cancel = context.WithCancelCause(ctx)
	b.busy = r.busy
	return asking, r, true
}

// asked takes in what was claimed.
func (b *board) asked(list []hook.Claimed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cancel(nil)
	b.cancel = nil
	for _, d := range list {
		l := b.lanes[d.Endpoint]
		if l == nil {
			l = &lane{calls: make(chan struct{}, b.each)}
			b.lanes[d.Endpoint] = l
		}
		l.held++
		b.total++
	}
}

// enter waits for a place among the calls to an endpoint. It is false when ctx
// has ended: there is nothing to be begun any more.
func (b *board) enter(ctx context.Context, endpoint string) bool {
	b.mu.Lock()
	calls := b.lanes[endpoint].calls
	b.mu.Unlock()
	select {
	case calls <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if ctx.Err() != nil {
		<-calls
		return false
	}
	return true
}

func (b *board) leave(endpoint string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	<-b.lanes[endpoint].calls
}

// done forgets a delivery, and has a claim asked anew that knew its endpoint as
// busy.
func (b *board) done(endpoint string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total--
	l := b.lanes[endpoint]
	l.held--
	if l.held == 0 {
		delete(b.lanes, endpoint)
	}
	if b.cancel != nil && l.held < b.each && slices.Contains(b.busy, endpoint) {
		b.cancel(errStale)
	}
	select {
	case b.room <- struct{}{}:
	default:
	}
}
