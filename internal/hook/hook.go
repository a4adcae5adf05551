// Package hook is the contract of webhooks: who wants to be told when tasks
// end, what is to be sent, and how it went. The task database keeps it, since
// a call to make is written in the same transaction as the end that it tells
// of; the wire is hookhttp; package webhook makes the calls.
//
// A message is delivered at least once. Its ID is the same at every attempt,
// so that a receiver can tell what it has had already.
package hook

import (
	"context"
	"encoding/json"
	"time"

	"minilab/internal/fault"
)

// Faults of the contract.
var (
	ErrNotFound = fault.New(fault.NotFound, "not-found", "not found")
	ErrInvalid  = fault.New(fault.Invalid, "invalid-webhook", "the webhook is not valid")
	ErrTooMany  = fault.New(fault.Conflict, "too-many-webhooks", "the owner has as many webhooks as there may be")
	ErrInactive = fault.New(fault.Conflict, "webhook-inactive", "the webhook is disabled or gone, so nothing is sent to it")
	ErrCursor   = fault.New(fault.Invalid, "invalid-cursor", "the cursor is not one that was given out")
	ErrHoldLost = fault.New(fault.Conflict, "hold-lost", "the delivery is not held by this hold any more")
)

// Types of messages.
const (
	TaskFinished = "task.finished"
	TaskFailed   = "task.failed"
	TaskCanceled = "task.canceled"
	Test         = "webhook.test"
)

// Types are those that a webhook can ask for.
var Types = []string{TaskFinished, TaskFailed, TaskCanceled}

// Webhook is where an owner wants to be told of its tasks. Times are UTC.
type Webhook struct {
	ID          string    `json:"id"`
	Owner       string    `json:"owner"`
	URL         string    `json:"url"`
	Types       []string  `json:"types,omitempty"`  // some of Types; empty: all
	Tags        []string  `json:"tags,omitempty"`   // only tasks that have one of these; empty: all
	Secret      string    `json:"secret,omitempty"` // whsec_…; only in the answer of Subscribe
	CreatedAt   time.Time `json:"createdAt"`
	DeliveredAt time.Time `json:"deliveredAt,omitzero"` // the last time that a message was taken
	DisabledAt  time.Time `json:"disabledAt,omitzero"`  // nothing is sent to it since then
	DisabledWhy string    `json:"disabledWhy,omitempty"`
}

// State is how far a delivery is.
type State string

// The states.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	GivenUp   State = "given-up"
)

// Attempt is one call that was made.
type Attempt struct {
	At     time.Time     `json:"at"`     // when it was reported
	Took   time.Duration `json:"took"`   // nanoseconds
	Status int           `json:"status"` // of HTTP; 0: there was no answer
	Error  string        `json:"error,omitempty"`
}

// Delivery is a message on its way to one receiver.
type Delivery struct {
	ID        string          `json:"id"` // of the message: msg_…
	Owner     string          `json:"owner"`
	Webhook   string          `json:"webhook,omitempty"` // empty: it is the task's own callback
	Task      string          `json:"task,omitempty"`
	Type      string          `json:"type"`
	URL       string          `json:"url"`
	State     State           `json:"state"`
	Attempts  int             `json:"attempts"` // begun, since it was queued or redelivered
	CreatedAt time.Time       `json:"createdAt"`
	NextAt    time.Time       `json:"nextAt,omitzero"`  // not attempted before; only while pending
	EndedAt   time.Time       `json:"endedAt,omitzero"` // when it was delivered or given up
	Error     string          `json:"error,omitempty"`  // why it was given up without an attempt
	Log       []Attempt       `json:"log,omitempty"`    // the last MaxLog attempts, oldest first
	Data      json.RawMessage `json:"data,omitempty"`   // what the message tells; only of a claimed one
}

// Filter selects an owner's deliveries. Empty fields select all, but for the
// owner, which must be there.
type Filter struct {
	Owner, Task, Webhook string
	Cursor               string
	Limit                int // 0 or more than MaxPage: MaxPage
}

// Page is a part of a listing.
type Page struct {
	Deliveries []Delivery `json:"deliveries"`
	Next       string     `json:"next,omitempty"` // cursor; empty on the last page
}

// Desk is where customers see to their webhooks. What belongs to another owner
// is ErrNotFound, as what does not exist is.
type Desk interface {
	// Subscribe makes a webhook for w's Owner, URL, Types and Tags and gives
	// it back with its secret, which nobody is shown again. An owner has at
	// most MaxWebhooks, else ErrTooMany. Only what ends from then on is told.
	Subscribe(ctx context.Context, w Webhook) (Webhook, error)

	// Webhooks gives the owner's, oldest first, without their secrets.
	Webhooks(ctx context.Context, owner string) ([]Webhook, error)

	// Unsubscribe removes a webhook; what is on its way to it is given up.
	Unsubscribe(ctx context.Context, owner, id string) error

	// Enable lets messages go to a webhook again that was disabled. What
	// happened meanwhile was not queued.
	Enable(ctx context.Context, owner, id string) (Webhook, error)

	// Secret is what the callbacks of the owner's tasks are signed with, made
	// when it is first asked for. With rotate there is a new one, and calls
	// are signed with both for SecretOverlap. With the id of a webhook it is
	// that one's secret, which is only given as a new one: without rotate it
	// is ErrInvalid.
	Secret(ctx context.Context, owner, id string, rotate bool) (string, error)

	// Ping queues a message of the type Test for a webhook.
	Ping(ctx context.Context, owner, id string) (Delivery, error)

	// Deliveries gives the newest first, each with its Log.
	Deliveries(ctx context.Context, f Filter) (Page, error)

	// Redeliver queues a delivery again, under the same ID, with all attempts
	// before it. One that is being attempted is left alone. To a webhook that
	// is disabled or gone it is ErrInactive.
	Redeliver(ctx context.Context, owner, id string) (Delivery, error)
}

// ClaimRequest asks for deliveries to attempt.
type ClaimRequest struct {
	Max  int           `json:"max"`            // how many at most, 1 to MaxClaim
	Each int           `json:"each"`           // how many to one endpoint at most; 0: as many as Max
	Busy []string      `json:"busy,omitempty"` // endpoints to which nothing is wanted
	Hold time.Duration `json:"hold"`           // nanoseconds until others may claim them, up to MaxHold
	Wait time.Duration `json:"wait"`           // nanoseconds to wait for the first one, up to MaxWait
}

// Claimed is a delivery to be attempted now.
type Claimed struct {
	Delivery
	Hold     string   `json:"hold"`     // opaque; reports need it
	Endpoint string   `json:"endpoint"` // host and port; what one of them is slow with holds up its own only
	Secrets  []string `json:"secrets"`  // to sign with: the current one first
}

// Outcome is what became of a claimed delivery.
type Outcome string

// The outcomes.
const (
	Taken    Outcome = "taken"    // the receiver has it
	Again    Outcome = "again"    // another attempt is due in Report.Next
	Abandon  Outcome = "abandon"  // no further attempt
	Unwanted Outcome = "unwanted" // nor anything else: the webhook is disabled
	Unsent   Outcome = "unsent"   // it was not attempted, and is due
)

// Report says what became of a claimed delivery.
type Report struct {
	ID      string        `json:"id"`
	Hold    string        `json:"hold"`
	Outcome Outcome       `json:"outcome"`
	Next    time.Duration `json:"next,omitempty"`   // nanoseconds
	Took    time.Duration `json:"took,omitempty"`   // nanoseconds
	Status  int           `json:"status,omitempty"` // of HTTP
	Error   string        `json:"error,omitempty"`  // cut to MaxError
}

// Outbox is what the deliverer asks for.
type Outbox interface {
	// ClaimDeliveries gives deliveries that are due, the most overdue endpoint
	// first, and holds them: for that time nobody else gets them. It counts
	// as an attempt. With nothing due it waits, at most Wait, and then gives
	// an empty list. What was queued for a webhook that is disabled or gone is
	// given up and not given. A claim whose context has ended holds nothing.
	ClaimDeliveries(ctx context.Context, r ClaimRequest) ([]Claimed, error)

	// ReportDeliveries tells what became of claimed ones. It answers entry by
	// entry: ErrHoldLost where the hold is over and another has been given,
	// or was reported before.
	//
	// A webhook to which a delivery is abandoned, and that has taken nothing
	// since that was queued, is disabled.
	ReportDeliveries(ctx context.Context, list []Report) (errs []error, err error)
}

// Store is both sides.
type Store interface {
	Desk
	Outbox
}
