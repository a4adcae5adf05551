package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// State is how far a task is.
type State string

// The states.
const (
	NotStarted State = "not-started"
	InProgress State = "in-progress"
	Finished   State = "finished"
	Failed     State = "failed"
	Canceled   State = "canceled"
)

// Ended says that nothing more happens, unless somebody has it retried.
func (s State) Ended() bool { return s == Finished || s == Failed || s == Canceled }

// Task is what the lab knows of one image that was handed in. What is not set
// is the zero value.
type Task struct {
	ID         string          `json:"id"`
	State      State           `json:"state"`
	Progress   float64         `json:"progress,omitempty"` // 0 to 1
	Stage      string          `json:"stage,omitempty"`    // fetching, altering or storing, while it is in progress
	Pipeline   string          `json:"pipeline,omitempty"` // in its canonical form
	Outputs    []Output        `json:"outputs,omitempty"`
	Source     *Content        `json:"source,omitempty"` // what was handed in
	Preset     string          `json:"preset,omitempty"`
	Tags       []string        `json:"tags,omitempty"`
	Priority   int             `json:"priority,omitempty"`
	Callback   string          `json:"callback,omitempty"`
	Place      *Place          `json:"place,omitempty"` // while it waits
	Error      *Failure        `json:"error,omitempty"` // why it failed
	Facts      json.RawMessage `json:"facts,omitempty"` // what was found of the image
	Failures   int             `json:"failures,omitempty"`
	Crashes    int             `json:"crashes,omitempty"`
	Lost       int             `json:"lost,omitempty"`
	CreatedAt  time.Time       `json:"createdAt,omitzero"`
	UpdatedAt  time.Time       `json:"updatedAt,omitzero"`
	StartedAt  time.Time       `json:"startedAt,omitzero"`
	FinishedAt time.Time       `json:"finishedAt,omitzero"`
	ExpiresAt  time.Time       `json:"expiresAt,omitzero"`
}

// Output is one result of a task. All but its name and pipeline is known once
// the task is finished.
type Output struct {
	Name        string `json:"name"` // empty for the only one
	Pipeline    string `json:"pipeline,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	Size        int64  `json:"size,omitempty"`   // bytes
	SHA256      string `json:"sha256,omitempty"` // lower-case hex
	Width       int    `json:"width,omitempty"`  // pixels
	Height      int    `json:"height,omitempty"`
	URL         string `json:"url,omitempty"` // path at the frontend
}

// Content is what bytes are.
type Content struct {
	ContentType string `json:"contentType,omitempty"`
	Size        int64  `json:"size"`   // bytes
	SHA256      string `json:"sha256"` // lower-case hex
}

// Place is a waiting task's in the queue, an estimate.
type Place struct {
	Ahead   int     `json:"ahead"`   // tasks that go before
	Seconds float64 `json:"seconds"` // until it is begun
}

// Failure is why a task failed.
type Failure struct {
	Code   Code   `json:"code"`
	Detail string `json:"detail"`
}

// String is the detail and the code.
func (f *Failure) String() string { return f.Detail + " (" + string(f.Code) + ")" }

// longPoll is how long one call waits at most for a task to end.
const longPoll = "30s"

// Task is the task of that ID. With CodeNotFound there is none, or it is
// another owner's.
func (c *Client) Task(ctx context.Context, id string) (Task, error) { return c.task(ctx, id, nil) }

func (c *Client) task(ctx context.Context, id string, query url.Values) (t Task, err error) {
	if id == "" {
		return t, errNoID
	}
	err = c.json(ctx, call{method: http.MethodGet, path: []string{"tasks", id}, query: query}, &t)
	return t, err
}

// errNoID keeps an empty ID from meaning all tasks.
var errNoID = errors.New("a task's ID is empty")

// Wait returns when the task has ended, in whatever state. It asks as long as
// ctx lets it.
func (c *Client) Wait(ctx context.Context, id string) (Task, error) {
	for {
		began := time.Now()
		t, err := c.task(ctx, id, url.Values{"wait": {longPoll}})
		if err != nil || t.State.Ended() {
			return t, err
		}
		// A server that answers at once is not asked in a tight loop.
		if pause := time.Second - time.Since(began); pause > 0 && !sleep(ctx, pause) {
			return t, context.Cause(ctx)
		}
	}
}

// Cancel ends a task that waits or is at work.
func (c *Client) Cancel(ctx context.Context, id string) (Task, error) {
	return c.act(ctx, id, "cancel")
}

// Retry has a task that has failed or was canceled begin again.
func (c *Client) Retry(ctx context.Context, id string) (Task, error) { return c.act(ctx, id, "retry") }

func (c *Client) act(ctx context.Context, id, what string) (t Task, err error) {
	if id == "" {
		return t, errNoID
	}
	err = c.json(ctx, call{method: http.MethodPost, path: []string{"tasks", id, what}}, &t)
	return t, err
}

// Delete removes a task with its images. One that is not there is
// CodeNotFound.
func (c *Client) Delete(ctx context.Context, id string) error {
	if id == "" {
		return errNoID
	}
	return c.json(ctx, call{method: http.MethodDelete, path: []string{"tasks", id}, once: true}, nil)
}

// DeleteTag removes all tasks that have the tag, with their images, and says
// how many they were.
func (c *Client) DeleteTag(ctx context.Context, tag string) (deleted int, err error) {
	if tag == "" {
		return 0, errors.New("a tag is empty")
	}
	var out struct{ Deleted int }
	err = c.json(ctx, call{method: http.MethodDelete, path: []string{"tasks"}, query: url.Values{"tag": {tag}}}, &out)
	return out.Deleted, err
}
