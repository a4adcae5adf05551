package leases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"minilab/internal/fault"
	"minilab/internal/taskdb"
)

// kind is what was called.
type kind string

const (
	create    kind = "create"
	claim     kind = "claim"
	claimID   kind = "claim this one"
	heartbeat kind = "heartbeat"
	finish    kind = "finish"
	fail      kind = "fail"
	release   kind = "release"
	cancel    kind = "cancel"
	retry     kind = "retry"
	remove    kind = "delete"
	get       kind = "get"
	reap      kind = "reap"
)

// gone is the answer to a call whose caller did not wait for it.
const gone = "gone"

// op is one call as its caller saw it. What became of a call whose answer was
// lost is found out afterwards, from the feed.
type op struct {
	kind      kind
	id        string
	client    int
	call, ret int64 // in the order of calls and answers
	from, to  int64 // the injected time at both, in microseconds

	worker, request, lease, owner, outputs, code string
	key, hash                                    string // of idempotency
	runAt                                        int64
	again                                        bool // retry of a failure

	err     string // code; empty: it went well
	token   int64  // of a claim
	created bool
	seen    taskdb.Task
	reaped  int
}

func (o op) String() string {
	text := fmt.Sprintf("%4d-%-4d t=%d-%d %s %q by %d", o.call, o.ret, o.from%1e10, o.to%1e10, o.kind, o.id, o.client)
	for name, value := range map[string]string{"worker": o.worker, "request": o.request, "lease": o.lease, "outputs": o.outputs, "code": o.code} {
		if value != "" {
			text += fmt.Sprintf(" %s=%s", name, value)
		}
	}
	if o.kind == get && o.err == "" {
		text += fmt.Sprintf(" sees %s %d, %d failures %d crashes %d lost", o.seen.State, o.seen.Token, o.seen.Failures, o.seen.Crashes, o.seen.Lost)
	}
	return text + fmt.Sprintf(" -> %q token %d created %v", o.err, o.token, o.created)
}

// history is all that was called.
type history struct {
	clock *clock
	turn  atomic.Int64
	mu    sync.Mutex
	ops   []op
	tail  []taskdb.Event  // the feed, as a reader saw it who went along
	good  map[string]bool // attempts whose workers are never late by their own clocks
	odd   []string        // what struck the actors themselves
}

// begin notes the call.
func (h *history) begin(o op) op {
	o.from = h.clock.micros()
	o.call = h.turn.Add(1)
	return o
}

// end notes the answer.
func (h *history) end(o op, err error) {
	o.ret = h.turn.Add(1)
	o.to = h.clock.micros()
	o.err = codeOf(err)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

func codeOf(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return gone
	}
	return fault.From(err).Code
}

func (h *history) complain(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.odd = append(h.odd, fmt.Sprintf(format, args...))
}

// diligent notes an attempt whose worker is never late by its own clock.
func (h *history) diligent(id string, token int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.good[name(id, token)] = true
}

// careless takes that back: the worker goes home.
func (h *history) careless(id string, token int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.good, name(id, token))
}

func name(id string, token int64) string { return fmt.Sprintf("%s.%d", id, token) }

// all are the calls that fulfil a condition.
func (h *history) all(is func(o op) bool) (list []op) {
	for _, o := range h.ops {
		if is(o) {
			list = append(list, o)
		}
	}
	return list
}

// ids are the tasks that anything was called about.
func (h *history) ids() (list []string) {
	for _, o := range h.ops {
		if o.id != "" && !slices.Contains(list, o.id) {
			list = append(list, o.id)
		}
	}
	slices.Sort(list)
	return list
}
