package lab

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// State is where a task is in its life, in the words of the task database.
type State string

// The states.
const (
	NotStarted State = "not-started"
	InProgress State = "in-progress"
	Finished   State = "finished"
	Failed     State = "failed"
	Canceled   State = "canceled"
)

// Ended says whether nothing more happens by itself.
func (s State) Ended() bool { return s == Finished || s == Failed || s == Canceled }

// Valid says whether it is a state at all.
func (s State) Valid() bool { return s == NotStarted || s == InProgress || s.Ended() }

// Ref names a task. Whose it is must fit, unless Owner is empty.
type Ref struct{ Owner, ID string }

// Task is what a customer is told of a task. Times are UTC.
type Task struct {
	ID         string          `json:"id" doc:"UUIDv7: in the order of making" example:"019a9d3e-4c00-7000-8b1c-6f0f2f3d4e5a"`
	State      State           `json:"state" enum:"not-started,in-progress,finished,failed,canceled" doc:"Where it is in its life"`
	Progress   float64         `json:"progress" minimum:"0" maximum:"1" doc:"Of the present attempt; finished: 1"`
	Stage      string          `json:"stage,omitempty" doc:"What is being done: fetching, altering, storing" example:"altering"`
	Place      *Place          `json:"place,omitempty" doc:"Of a task that waits, where it was asked for"`
	Pipeline   string          `json:"pipeline" doc:"What is done, in its canonical form; the beginning of every output's" example:"resize:800x600/webp:80"`
	Outputs    []Made          `json:"outputs" doc:"The results, wanted or made; the only one has no name"`
	Source     Photo           `json:"source" doc:"The image as it was handed in"`
	Preset     string          `json:"preset,omitempty" doc:"What it was made with" example:"thumbnail@2"`
	Tags       []string        `json:"tags,omitempty"`
	Priority   int             `json:"priority,omitempty" minimum:"-9" maximum:"9"`
	Callback   string          `json:"callback,omitempty" format:"uri" doc:"Called when it has ended"`
	Error      *Error          `json:"error,omitempty" doc:"Why it failed, or why the last attempt did"`
	Facts      json.RawMessage `json:"facts,omitempty" doc:"What was found of the image, once it is finished"`
	Failures   int             `json:"failures,omitempty" doc:"Attempts that failed with an error that may pass"`
	Crashes    int             `json:"crashes,omitempty" doc:"Engine processes that died of it"`
	Lost       int             `json:"lost,omitempty" doc:"Workers that were lost on the way"`
	CreatedAt  time.Time       `json:"createdAt"`
	UpdatedAt  time.Time       `json:"updatedAt"`
	StartedAt  time.Time       `json:"startedAt,omitzero" doc:"Of the last attempt"`
	FinishedAt time.Time       `json:"finishedAt,omitzero" doc:"When it became finished, failed or canceled"`
	ExpiresAt  time.Time       `json:"expiresAt,omitzero" doc:"When it and its images are removed"`
}

// Photo is an image that the lab keeps.
type Photo struct {
	ContentType string `json:"contentType,omitempty" example:"image/jpeg"`
	Size        int64  `json:"size,omitempty" doc:"Bytes"`
	SHA256      string `json:"sha256,omitempty" doc:"Lower-case hex"`
}

// Made is one result of a task: what is wanted, and once finished what it has
// become.
type Made struct {
	Name     string `json:"name" doc:"Empty for the only one"`
	Pipeline string `json:"pipeline,omitempty" doc:"After the task's own"`
	Photo
	Width  int    `json:"width,omitempty" doc:"Pixels, where the facts tell"`
	Height int    `json:"height,omitempty"`
	URL    string `json:"url,omitempty" format:"uri-reference" doc:"Where to pick it up, once it is finished"`
}

// Error says why the work failed.
type Error struct {
	Code   string `json:"code" doc:"Stable" example:"not-an-image"`
	Detail string `json:"detail" doc:"A sentence that a person can act on"`
}

// Place is where a task stands in the queue. Both are estimates.
type Place struct {
	Ahead   int     `json:"ahead" doc:"Tasks that go before it"`
	Seconds float64 `json:"seconds,omitempty" doc:"How long that may take; absent where nobody knows"`
}

// Status is what a customer is told by the simple API.
type Status struct {
	ID       string          `json:"id"`
	Phase    string          `json:"status"`             // "in progress": waiting or at work; else the state
	Progress float64         `json:"progress,omitempty"` // 0 to 1
	Error    *Error          `json:"error,omitempty"`    // why it failed
	Outputs  []Made          `json:"outputs,omitempty"`  // what there is to be picked up, once it is finished
	Facts    json.RawMessage `json:"facts,omitempty"`    // what was found of the image, once it is finished
}

// Status is the task in the words of the simple API.
func (t Task) Status() Status {
	s := Status{ID: t.ID, Phase: string(t.State), Progress: t.Progress}
	switch t.State {
	case NotStarted, InProgress:
		s.Phase = "in progress"
	case Failed:
		s.Error = t.Error
	case Finished:
		s.Outputs, s.Facts = t.Outputs, t.Facts
	}
	return s
}

// Filter selects tasks. Empty fields select all.
type Filter struct {
	Owner     string
	State     State
	Tag       string
	Ascending bool // the oldest first
	Cursor    string
	Limit     int // 0 or more than MaxPage: MaxPage
}

// Page is a part of a listing.
type Page struct {
	Tasks []Task `json:"tasks"`
	Next  string `json:"next,omitempty"` // cursor of the next page; empty on the last one
}

// Event is something that happened to a task.
type Event struct {
	Seq      int64     `json:"seq"` // grows in order, with gaps
	ID       string    `json:"id"`
	Owner    string    `json:"owner"`
	From     State     `json:"from,omitempty"` // empty: it was handed in; the same as State: it went on
	State    State     `json:"state"`
	Deleted  bool      `json:"deleted,omitempty"`
	Progress float64   `json:"progress,omitempty"`
	Stage    string    `json:"stage,omitempty"`
	Error    *Error    `json:"error,omitempty"` // why it failed or is tried again
	Time     time.Time `json:"time"`
}

// Stats is the lab at a glance.
type Stats struct {
	Counts         map[State]int64 `json:"counts" doc:"Tasks in each state"`
	Ready          int64           `json:"ready" doc:"Tasks that wait for a worker"`
	OldestSeconds  float64         `json:"oldestSeconds" doc:"How long the oldest waiting task has waited"`
	FinishedMinute int64           `json:"finishedMinute" doc:"Tasks finished in the last 60 seconds"`
	FailedMinute   int64           `json:"failedMinute"`
	LastSeq        int64           `json:"lastSeq" doc:"Of the last event"`
}

// Result is an image that can be read, in parts if need be.
type Result struct {
	Output      string // its name; empty for the only one, and for an original
	ContentType string
	Size        int64     // bytes
	SHA256      string    // lower-case hex
	Modified    time.Time // UTC
	// Open yields length bytes from offset; length 0 means up to the end. A
	// stream that ends early ends with an error.
	Open func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
}
