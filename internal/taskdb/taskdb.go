// Package taskdb is the contract of the task database: what is wanted of each
// image, how far it is, and who works on it. The engines are under sqltaskdb,
// the wire is taskdbhttp, and all pass the suite of taskdbtest.
//
// Work is done at least once and published exactly once. Every claim gives a
// lease with a fencing token that is larger than any before; only the holder
// of the current lease can finish a task, and the task's row is the only
// pointer to its outputs.
package taskdb

import (
	"context"
	"encoding/json"
	"time"

	"minilab/internal/fault"
	"minilab/internal/pipeline"
)

// Faults of the contract.
var (
	ErrNotFound      = fault.New(fault.NotFound, "not-found", "not found")
	ErrID            = fault.New(fault.Invalid, "invalid-id", "the task id is not valid")
	ErrTask          = fault.New(fault.Invalid, "invalid-task", "the task is not valid")
	ErrTransition    = fault.New(fault.Conflict, "illegal-transition", "the task cannot go from its state to that one")
	ErrLeaseRequired = fault.New(fault.Invalid, "lease-required", "this change needs the task's lease")
	ErrLeaseLost     = fault.New(fault.Conflict, "lease-lost", "the lease is not the task's current one")
	ErrCanceled      = fault.New(fault.Conflict, "canceled", "the task has been canceled")
	ErrGiven         = fault.New(fault.Conflict, "given", "the task was given to another request, too")
	ErrExists        = fault.New(fault.Conflict, "exists", "another task has this id")
	ErrIdempotency   = fault.New(fault.Unprocessable, "idempotency-mismatch", "this idempotency key was used for a different request")
	ErrQueueFull     = fault.New(fault.TooMany, "queue-full", "the queue is full; come back later")
	ErrCompacted     = fault.New(fault.Gone, "compacted", "these events are no longer kept")
	ErrCursor        = fault.New(fault.Invalid, "invalid-cursor", "the cursor is not one that was given out")
)

// Task is one image and what shall become of it. All times are UTC, with the
// resolution of microseconds.
type Task struct {
	ID       string            `json:"id"`
	Owner    string            `json:"owner"`
	State    State             `json:"state"`
	Priority int               `json:"priority"` // lane; higher ones are served first
	Tags     []string          `json:"tags,omitempty"`
	Needs    string            `json:"needs"` // what a worker must accept to get it; see DefaultNeeds
	Pipeline pipeline.Pipeline `json:"pipeline"`
	Outputs  []Output          `json:"outputs"` // wanted; once finished with what they have become
	Source   Blob              `json:"source"`
	Facts    json.RawMessage   `json:"facts,omitempty"` // a JSON object, from the worker
	Error    *Error            `json:"error,omitempty"` // of the last attempt that failed; gone once it is finished
	Progress float64           `json:"progress"`        // of the present attempt, 0 to 1; finished: 1
	Stage    string            `json:"stage,omitempty"` // what the present attempt is at, by its worker
	Callback string            `json:"callback,omitempty"`

	Worker   string `json:"worker,omitempty"` // who holds or held the last lease
	Token    int64  `json:"token"`            // of the last claim, from 1; never reset, not even when a deleted id comes again within days
	Failures int    `json:"failures"`         // errors that may pass
	Crashes  int    `json:"crashes"`          // engine processes that died of it
	Lost     int    `json:"lost"`             // leases that expired

	IdempotencyKey  string `json:"idempotencyKey,omitempty"`
	IdempotencyHash string `json:"idempotencyHash,omitempty"`
	Fingerprint     string `json:"fingerprint,omitempty"` // of the source and all that is done with it; empty: its results are not for others
	Trace           string `json:"trace,omitempty"`       // the traceparent (W3C Trace Context) of its making; empty: none

	RunAt      time.Time     `json:"runAt"`          // not claimed before
	Keep       time.Duration `json:"keep,omitempty"` // nanoseconds after its end; 0: for ever
	CreatedAt  time.Time     `json:"createdAt"`
	UpdatedAt  time.Time     `json:"updatedAt"`
	StartedAt  time.Time     `json:"startedAt,omitzero"`  // of the last claim
	FinishedAt time.Time     `json:"finishedAt,omitzero"` // when it became finished, failed or canceled
	ExpiresAt  time.Time     `json:"expiresAt,omitzero"`  // FinishedAt + Keep
}

// Output is one result: what is wanted, and once finished where it is.
type Output struct {
	Name     string            `json:"name"`               // empty for the only one
	Pipeline pipeline.Pipeline `json:"pipeline,omitempty"` // after the task's own
	Blob
}

// Blob points at bytes in the storage.
type Blob struct {
	Key         string `json:"key,omitempty"`
	Size        int64  `json:"size,omitempty"`   // bytes
	SHA256      string `json:"sha256,omitempty"` // lower-case hex
	ContentType string `json:"contentType,omitempty"`
}

// Error says why an attempt failed.
type Error struct {
	Code   string `json:"code"`   // stable
	Detail string `json:"detail"` // a sentence that a person can act on
}

// Filter selects tasks. Empty fields select all.
type Filter struct {
	State       State
	Owner       string
	Tag         string
	Fingerprint string    // only with an Owner and the state Finished
	ExpiredBy   time.Time // ended, and kept no longer than until then
	Descending  bool      // by id; UUIDv7 ids are in the order of their making
	Cursor      string
	Limit       int // 0 or more than MaxPage: MaxPage
}

// Page is a part of a listing.
type Page struct {
	Tasks []Task `json:"tasks"`
	Next  string `json:"next,omitempty"` // cursor of the next page; empty on the last one
}

// Stats is the database at a glance.
type Stats struct {
	Counts         map[State]int64 `json:"counts"`         // every state is in it
	Ready          int64           `json:"ready"`          // not-started whose runAt has come
	OldestAge      time.Duration   `json:"oldestAge"`      // nanoseconds that the oldest not-started task has waited
	FinishedMinute int64           `json:"finishedMinute"` // tasks finished in the last 60 seconds
	FailedMinute   int64           `json:"failedMinute"`
	LastSeq        int64           `json:"lastSeq"` // of the feed
}

// Tasks is what the master asks for its customers.
type Tasks interface {
	// Create makes a task in not-started and gives it back with everything
	// filled in: Owner "public", Needs DefaultNeeds, one unnamed output, RunAt
	// now (the Unix epoch is no time). Only what a customer decides is taken from t (id, owner, priority,
	// tags, needs, pipeline, outputs' names and pipelines, source, callback,
	// runAt, keep, idempotency, fingerprint, trace). When it returns the task is
	// durable.
	//
	// A task with State Finished is born finished: somebody had its results
	// already. Its outputs with their blobs and its facts are taken too, as of a
	// Finish, and its Token is 1, as in the keys of its outputs; it has never
	// been claimed or counted as waiting, and FinishedAt is now. An id for which
	// leases were given out before is ErrExists then, because a late attempt may
	// still write under such keys. A task can be born in no other state.
	//
	// An id that exists with the same owner, source, pipeline and outputs is
	// the same request again and gives that task, created false; otherwise
	// ErrExists. An idempotency key that the owner has used within
	// IdempotencyKeep gives the task made then when the hash is equal, else
	// ErrIdempotency. Beyond the engine's limit of waiting tasks it is
	// ErrQueueFull with RetryAfter. Of racing creators exactly one creates.
	Create(ctx context.Context, t Task) (task Task, created bool, err error)

	// Get reads a task.
	Get(ctx context.Context, id string) (Task, error)

	// List gives tasks in the order of their ids, whole ones, fewer than the
	// limit where they exceed MaxPageBytes. Whatever matches during the whole
	// listing comes exactly once. A state that is none is ErrTask, a cursor
	// that was not given out for this direction ErrCursor.
	List(ctx context.Context, f Filter) (Page, error)

	// Cancel makes a task that has not ended canceled, at once; canceling a
	// canceled task succeeds. The worker hears of it by ErrCanceled.
	Cancel(ctx context.Context, id string) (Task, error)

	// Retry puts a failed or canceled task back to not-started, with its
	// counters, error and facts cleared and RunAt now. The token goes on.
	Retry(ctx context.Context, id string) (Task, error)

	// Delete removes a task in whatever state, and gives it as it was, but for
	// UpdatedAt: nothing else knows any more where its bytes are. It is in the
	// feed as Deleted. Deleting what does not exist is ErrNotFound.
	Delete(ctx context.Context, id string) (Task, error)

	// Withdraw is Delete for who has created the task and does not want to
	// answer for it. One that was given to another request for its idempotency
	// key stays, ErrGiven: somebody counts on it.
	Withdraw(ctx context.Context, id string) (Task, error)

	// Expire deletes tasks whose ExpiresAt has come by the database's clock,
	// the oldest first, limit at most (0 or more than MaxExpire: MaxExpire),
	// and gives them as they were, but for UpdatedAt and without their Facts:
	// nothing else knows any more where their bytes are. They are in the feed as Deleted. A task that
	// is retried meanwhile has either gone before or stays.
	Expire(ctx context.Context, limit int) ([]Task, error)
}

// Place is how long a task will wait, as far as one can tell.
type Place struct {
	Ahead int           `json:"ahead"` // tasks that go first; MaxAhead: so many or more
	Wait  time.Duration `json:"wait"`  // nanoseconds until it is claimed; 0: unknown
}

// Queue is what those want to know who wait, and who watch.
type Queue interface {
	// Places estimates, for each of at most MaxPage tasks, what Claim will give
	// out before it by what waits now: all ready tasks of higher priorities, and
	// for the k-th of its owner's lane the first k of every other lane of its
	// priority, k-1 where that owner's turn comes later; among tasks that need
	// the same. Of many lanes of a priority the MaxLanes that are next stand for
	// the rest. It counts no further than MaxAhead. Wait is Ahead in the pace
	// at which tasks ended in the last minute. What does not wait for a worker,
	// or does not exist, has the zero Place.
	Places(ctx context.Context, ids []string) ([]Place, error)

	// Stats counts.
	Stats(ctx context.Context) (Stats, error)
}

// ClaimRequest asks for work.
type ClaimRequest struct {
	Worker  string        // who asks, 1 to MaxName bytes
	Accepts []string      // what it can do; empty: DefaultNeeds
	Max     int           // how many tasks at most, 1 to MaxClaim; 0: 1
	Wait    time.Duration // how long to wait for the first one, up to MaxWait
	Request string        // a repeated request of the same worker gives the same leases again, fresh, but for attempts past their deadline; empty: none
	ID      string        // only this very task; empty: any
}

// Claimed is a task with the lease on it.
type Claimed struct {
	Task
	Lease    string        // opaque, holds the token and cannot be guessed
	Duration time.Duration // how long the lease is good from now without a heartbeat
	Deadline time.Duration // how long the whole attempt may take from now
}

// Heartbeat keeps a lease alive.
type Heartbeat struct {
	ID       string  `json:"id"`
	Lease    string  `json:"lease"`
	Progress float64 `json:"progress"`        // 0 to 1
	Stage    string  `json:"stage,omitempty"` // what it is at, 1 to MaxStage of a-z and -; anything else: as before
}

// Finish reports the results of an attempt.
type Finish struct {
	ID      string          `json:"id"`
	Lease   string          `json:"lease"`
	Outputs []Output        `json:"outputs"` // one for each wanted, by name; Pipeline is ignored
	Facts   json.RawMessage `json:"facts,omitempty"`
}

// Failure reports that an attempt failed.
type Failure struct {
	ID    string `json:"id"`
	Lease string `json:"lease"`
	Error
	Retry bool `json:"retry"` // false: another attempt would fail the same way
}

// Release gives a task back unworked; no counter moves.
type Release struct {
	ID    string `json:"id"`
	Lease string `json:"lease"`
}

// Leases is what the master asks for its workers. The lists answer entry by
// entry: errs has the length of the list and nil where it went well; err is
// for what befell the whole call, ErrTask for a list of more than MaxBatch. A
// lease that is not the current one, or is no lease at all, or is of a task
// that does not exist, is ErrLeaseLost; if the task was canceled under its last
// lease, that lease is told ErrCanceled.
type Leases interface {
	// Claim leases ready tasks: not started, RunAt come, Needs among the
	// accepted. Higher priorities go first; among equals the owners take
	// turns; an owner's tasks go by age. No task is leased twice at a time.
	// With nothing to give it waits for an event, at most Wait, and then gives
	// an empty list. With ID it does not wait: ErrNotFound, or ErrTransition
	// when that task is not ready or needs what is not accepted. A claim whose
	// context has ended holds nothing.
	Claim(ctx context.Context, r ClaimRequest) ([]Claimed, error)

	// Heartbeat extends leases by their duration, but not past the attempt's
	// deadline. A lease that has expired and was not reaped yet lives on. A new
	// stage, or a progress that differs by 0.01 or more from what the feed told
	// last, is told there, MaxTold times in an attempt; a stage that is not told
	// is not kept.
	Heartbeat(ctx context.Context, list []Heartbeat) (errs []error, err error)

	// Finish makes tasks finished with these outputs. It is accepted late as
	// long as the lease has not been reaped. The same finish again succeeds;
	// a different one with a lease that has finished is ErrLeaseLost.
	Finish(ctx context.Context, list []Finish) (errs []error, err error)

	// Fail ends attempts; Judge says what becomes of the tasks. The same
	// failure again is ErrLeaseLost. Errors are cut to size by ClampError.
	Fail(ctx context.Context, list []Failure) (errs []error, err error)

	// Release puts tasks back to not-started, ready at once.
	Release(ctx context.Context, list []Release) (errs []error, err error)
}

// Event is one entry of the feed: a task that came into being, changed its
// state, got on in its attempt or was deleted.
type Event struct {
	Seq     int64     `json:"seq"` // grows in the order of commits, without promise of no gap
	ID      string    `json:"id"`
	Owner   string    `json:"owner"`
	From    State     `json:"from,omitempty"` // empty: created
	State   State     `json:"state"`
	Deleted bool      `json:"deleted,omitempty"`
	Token   int64     `json:"token"`
	Time    time.Time `json:"time"`
	Error   *Error    `json:"error,omitempty"` // why it failed or is tried again

	Progress float64 `json:"progress,omitempty"` // of the task by then
	Stage    string  `json:"stage,omitempty"`
}

// GotOn says that the task got on in its attempt and is in the state and under
// the lease that it was.
func (e Event) GotOn() bool { return e.From == InProgress && e.State == InProgress && !e.Deleted }

// Feed is the durable list of what happened.
type Feed interface {
	// Events gives events after the seq in their order, limit at a time (0 or
	// more than MaxPage: MaxPage). With none yet it waits for the first, at
	// most wait, and then gives an empty list. It is ErrCompacted when events
	// after the seq are no longer kept. Whoever has read up to a seq will
	// never see a smaller one appear.
	Events(ctx context.Context, after int64, limit int, wait time.Duration) ([]Event, error)
}

// Store is the whole task database.
type Store interface {
	Tasks
	Leases
	Queue
	Feed
	Outbox
}
