// Package lab is the contract of the image master: what it does for customers,
// who hand images in and pick results up, and for workers, who alter them. The
// engine is the package master, the wire is labhttp, and both pass the suite
// of labtest.
package lab

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"minilab/internal/fault"
	"minilab/internal/pipeline"
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
)

// MaxWait is how long Status and Claim wait at most.
const MaxWait = time.Minute

// MaxClaim is how many tasks one claim gives at most.
const MaxClaim = 64

// Unknown is the size of a body whose length nobody has said.
const Unknown int64 = -1

// Phase is how far a task is, in the words that customers are told.
type Phase string

// The phases.
const (
	InProgress Phase = "in progress" // waiting or at work
	Finished   Phase = "finished"
	Failed     Phase = "failed"
	Canceled   Phase = "canceled"
)

// Status is what a customer is told of a task.
type Status struct {
	ID       string          `json:"id"`
	Phase    Phase           `json:"status"`
	Progress float64         `json:"progress,omitempty"` // 0 to 1
	Error    *Error          `json:"error,omitempty"`    // why it failed
	Outputs  []Made          `json:"outputs,omitempty"`  // what there is to be picked up, once it is finished
	Facts    json.RawMessage `json:"facts,omitempty"`    // what was found of the image, once it is finished
}

// Made is one result of a finished task.
type Made struct {
	Name        string `json:"name"` // empty for the only one
	ContentType string `json:"contentType"`
	Size        int64  `json:"size"`            // bytes
	SHA256      string `json:"sha256"`          // lower-case hex
	Width       int    `json:"width,omitempty"` // pixels, where the facts tell
	Height      int    `json:"height,omitempty"`
}

// Error says why the work failed.
type Error struct {
	Code   string `json:"code"`   // stable
	Detail string `json:"detail"` // a sentence that a person can act on
}

// Result is a finished image that can be read, in parts if need be.
type Result struct {
	Output      string // its name; empty for the only one
	ContentType string
	Size        int64     // bytes
	SHA256      string    // lower-case hex
	Modified    time.Time // UTC
	// Open yields length bytes from offset; length 0 means up to the end. A
	// stream that ends early ends with an error.
	Open func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
}

// Customers is what the frontend asks for.
type Customers interface {
	// Submit takes an image in and answers with its ID once the bytes and the
	// task are durable. After an error nothing was taken in. No bytes are
	// ErrEmpty, a body that ends early is an error, a full queue is
	// ErrQueueFull with RetryAfter.
	Submit(ctx context.Context, s Submission, body io.Reader) (id string, err error)

	// Status tells how far a task is. With wait above 0 (up to MaxWait) it
	// waits that long for the task to end. An ID that is unknown or malformed
	// is ErrNotFound.
	Status(ctx context.Context, id string, wait time.Duration) (Status, error)

	// Result finds the image that a finished task has made: the output of that
	// name, or the first one for an empty name. Before that it is
	// ErrNotFinished with RetryAfter; ErrFailed, with the reason as its
	// detail, ErrCanceled or ErrNotFound. A name that the task does not have is
	// ErrOutputName, whatever its state; the detail has those it has.
	Result(ctx context.Context, id, output string) (Result, error)
}

// ClaimRequest asks for work.
type ClaimRequest struct {
	Worker  string        // who asks
	Accepts []string      // what it can do; empty: the built-in operations
	Max     int           // how many at most, 1 to MaxClaim; 0: 1
	Wait    time.Duration // how long to wait for the first, up to MaxWait
	Request string        // repeated, it gives the same leases again; empty: none
}

// Work is one task to be done.
type Work struct {
	ID              string            `json:"id"`
	Owner           string            `json:"owner"`
	Lease           string            `json:"lease"`           // opaque
	LeaseSeconds    float64           `json:"leaseSeconds"`    // how long the lease is good without a heartbeat
	DeadlineSeconds float64           `json:"deadlineSeconds"` // how long the attempt may take in all
	Pipeline        pipeline.Pipeline `json:"pipeline"`
	Source          Source            `json:"source"`
	Outputs         []Target          `json:"outputs"`
	Attachments     []Attachment      `json:"attachments,omitempty"` // further images that operations ask for
	Trace           string            `json:"trace,omitempty"`       // the traceparent (W3C Trace Context) of what handed the image in; empty: none
}

// Source is where the bytes are to be read from.
type Source struct {
	Key         string `json:"key"`           // in state inProgress of the storage
	URL         string `json:"url,omitempty"` // for GET; empty when the storage is not served
	ContentType string `json:"contentType"`
	Size        int64  `json:"size"`   // bytes
	SHA256      string `json:"sha256"` // lower-case hex
}

// Target is where an output is to be written to.
type Target struct {
	Name     string            `json:"name"`
	Pipeline pipeline.Pipeline `json:"pipeline,omitempty"` // after the work's own
	Key      string            `json:"key"`                // in state finished of the storage
	URL      string            `json:"url,omitempty"`      // for POST; empty when the storage is not served
}

// Output is one result that a worker has stored.
type Output struct {
	Name        string `json:"name"`
	Key         string `json:"key"`
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256"`
	ContentType string `json:"contentType"`
}

// Report is how an attempt went well.
type Report struct {
	Outputs []Output        `json:"outputs"`
	Facts   json.RawMessage `json:"facts,omitempty"` // a JSON object
}

// Failure is how an attempt went wrong.
type Failure struct {
	Error
	Retry bool `json:"retry"` // false: another attempt would fail the same way
}

// Workers is what workers ask for. A lease that is not the task's current one,
// malformed ones and unknown tasks included, is ErrLeaseLost; the lease of a
// task that was canceled under it is ErrCanceled.
type Workers interface {
	// Claim gives work, oldest first within the rules of fairness, or none
	// when there is none after Wait.
	Claim(ctx context.Context, r ClaimRequest) ([]Work, error)

	// Heartbeat keeps a lease alive; progress is 0 to 1.
	Heartbeat(ctx context.Context, id, lease string, progress float64) error

	// Finish publishes the outputs, after each was found in the storage under
	// the key that the work named, with the size and digest reported, else
	// ErrOutput. The same report again succeeds.
	Finish(ctx context.Context, id, lease string, r Report) error

	// Fail ends the attempt; the task is tried again or fails.
	Fail(ctx context.Context, id, lease string, f Failure) error

	// Release gives the work back undone.
	Release(ctx context.Context, id, lease string) error
}

// Lab is the whole master.
type Lab interface {
	Customers
	Workers
}
