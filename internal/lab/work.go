package lab

import (
	"context"
	"encoding/json"
	"time"

	"minilab/internal/pipeline"
)

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

// Beat is how far an attempt is.
type Beat struct {
	Progress float64 `json:"progress"`        // 0 to 1
	Stage    string  `json:"stage,omitempty"` // what is being done: 1 to MaxStage of a-z and -; empty: unknown
}

// MaxStage is how many bytes the name of a stage has at most.
const MaxStage = 32

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

	// Heartbeat keeps a lease alive.
	Heartbeat(ctx context.Context, id, lease string, b Beat) error

	// Finish publishes the outputs, after each was found in the storage under
	// the key that the work named, with the size and digest reported, else
	// ErrOutput. The same report again succeeds.
	Finish(ctx context.Context, id, lease string, r Report) error

	// Fail ends the attempt; the task is tried again or fails.
	Fail(ctx context.Context, id, lease string, f Failure) error

	// Release gives the work back undone.
	Release(ctx context.Context, id, lease string) error
}
