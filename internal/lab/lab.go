// Package lab is the contract of the image master: what it does for customers,
// who hand images in and pick results up, and for workers, who alter them. The
// engine is the package master, the wire is labhttp, and both pass the suite
// of labtest.
package lab

import (
	"context"
	"io"
	"time"

	"minilab/internal/fault"
)

// Faults of the contract.
var (
	ErrNotFound    = fault.New(fault.NotFound, "not-found", "not found")
	ErrNotFinished = fault.New(fault.Conflict, "not-finished", "the work is still in progress")
	ErrCanceled    = fault.New(fault.Conflict, "canceled", "the task has been canceled")
	ErrFailed      = fault.New(fault.Unprocessable, "failed", "the work has failed")
	ErrLeaseLost   = fault.New(fault.Conflict, "lease-lost", "the lease is not the task's current one")
	ErrOutput      = fault.New(fault.Unprocessable, "output-mismatch", "an output is not in the storage as it was reported")
	ErrQueueFull   = fault.New(fault.TooMany, "queue-full", "the queue is full; come back later")
	ErrOutputName  = fault.New(fault.NotFound, "unknown-output", "the task has no output of this name")
	ErrPreset      = fault.New(fault.Invalid, "unknown-preset", "there is no preset of this name")
	ErrSubmission  = fault.New(fault.Invalid, "invalid-submission", "the submission is not valid")
	ErrEmpty       = fault.New(fault.Invalid, "empty", "the image has no bytes")
	ErrCut         = fault.New(fault.Invalid, "body-cut", "the body ended before all of the image had come")
	ErrNoImage     = fault.New(fault.Invalid, "no-image", "the form has no field named image")
	ErrTransition  = fault.New(fault.Conflict, "illegal-transition", "the task cannot go from its state to that one")
	ErrIdempotency = fault.New(fault.Unprocessable, "idempotency-mismatch", "this idempotency key was used for a different request")
	ErrCursor      = fault.New(fault.Invalid, "invalid-cursor", "the cursor is not one that was given out")
	ErrCompacted   = fault.New(fault.Gone, "compacted", "these events are no longer kept")
)

// MaxWait is how long Task, Events and Claim wait at most.
const MaxWait = time.Minute

// MaxClaim is how many tasks one claim gives at most, and MaxPage how many
// tasks, events or places are in one answer.
const (
	MaxClaim = 64
	MaxPage  = 1000
)

// Unknown is the size of a body whose length nobody has said.
const Unknown int64 = -1

// Customers is what the frontend asks for. A task of another owner than the
// Ref's is ErrNotFound, as is an ID that is unknown or malformed.
type Customers interface {
	// Submit takes an image in and gives its task once the bytes and the task
	// are durable. After an error nothing was taken in. No bytes are ErrEmpty,
	// a body that ends early is an error, a full queue is ErrQueueFull with
	// RetryAfter.
	//
	// An idempotency key that the owner has used within a day gives the task
	// made then if the same was asked of the same bytes, else ErrIdempotency.
	// What the owner has had made of the same bytes before is not made again:
	// the task has ended at once, with results of its own.
	Submit(ctx context.Context, s Submission, body io.Reader) (Task, error)

	// Task tells of a task. With wait above 0 (up to MaxWait) it waits that
	// long for the task to end.
	Task(ctx context.Context, ref Ref, wait time.Duration) (Task, error)

	// Tasks lists tasks by age. Whatever matches during the whole listing
	// comes exactly once. A cursor that was not given out is ErrCursor.
	Tasks(ctx context.Context, f Filter) (Page, error)

	// Result finds the image that a finished task has made: the output of that
	// name, or the first one for an empty name. Before that it is
	// ErrNotFinished with RetryAfter; ErrFailed, with the reason as its
	// detail, ErrCanceled or ErrNotFound. A name that the task does not have is
	// ErrOutputName, whatever its state; the detail has those it has.
	Result(ctx context.Context, ref Ref, output string) (Result, error)

	// Original finds the image as it was handed in, whatever the task's state.
	Original(ctx context.Context, ref Ref) (Result, error)

	// Cancel makes a task canceled that has not ended, at once; a canceled one
	// stays so. Any other is ErrTransition.
	Cancel(ctx context.Context, ref Ref) (Task, error)

	// Retry has a failed or canceled task done again; any other is
	// ErrTransition.
	Retry(ctx context.Context, ref Ref) (Task, error)

	// Delete removes a task in whatever state, and its bytes.
	Delete(ctx context.Context, ref Ref) error
}

// Board is what there is to be seen of the whole lab.
type Board interface {
	// Events gives what happened after the seq, in order, limit at a time (0
	// or more than MaxPage: MaxPage). With none yet it waits for the first, at
	// most wait, and then gives an empty list. It is ErrCompacted when events
	// after the seq are no longer kept.
	Events(ctx context.Context, after int64, limit int, wait time.Duration) ([]Event, error)

	// Places tells of tasks that wait how long that may take, in the order of
	// the ids, at most MaxPage; of those that do not wait it is zero.
	Places(ctx context.Context, ids []string) ([]Place, error)

	// Stats counts.
	Stats(ctx context.Context) (Stats, error)
}

// Lab is the whole master.
type Lab interface {
	Customers
	Board
	Workers
}
