// Package taskdbhttp is the task database over HTTP: Route serves a store, and
// Client is a store that is served elsewhere. Both pass the suite.
package taskdbhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/pipeline"
	"minilab/internal/problem"
	"minilab/internal/taskdb"
)

// Limits of a body, in bytes.
const (
	maxTask = 1 << 20
	maxList = 16 << 20
)

// setState is the body of POST /tasks/{id}. Which fields have a meaning
// follows from the state.
type setState struct {
	State taskdb.State `json:"state"`

	// not-started: a new task; or, with Lease, a release; or, with Retry or
	// nothing else, a failed or canceled task again.
	Owner           string            `json:"owner,omitempty"`
	Priority        int               `json:"priority,omitempty"`
	Tags            []string          `json:"tags,omitempty"`
	Needs           string            `json:"needs,omitempty"`
	Pipeline        pipeline.Pipeline `json:"pipeline,omitempty"`
	Outputs         []taskdb.Output   `json:"outputs,omitempty"` // of finished, too
	Source          taskdb.Blob       `json:"source,omitzero"`
	Callback        string            `json:"callback,omitempty"`
	RunAt           time.Time         `json:"runAt,omitzero"`
	Keep            time.Duration     `json:"keep,omitempty"` // nanoseconds
	IdempotencyKey  string            `json:"idempotencyKey,omitempty"`
	IdempotencyHash string            `json:"idempotencyHash,omitempty"`
	Fingerprint     string            `json:"fingerprint,omitempty"`
	Trace           string            `json:"trace,omitempty"`

	// in-progress
	Worker  string   `json:"worker,omitempty"`
	Accepts []string `json:"accepts,omitempty"`
	Request string   `json:"request,omitempty"`

	// finished with Token and without Lease: a new task that begins so
	Token int64 `json:"token,omitempty"`

	// finished, failed
	Lease  string          `json:"lease,omitempty"`
	Facts  json.RawMessage `json:"facts,omitempty"`
	Code   string          `json:"code,omitempty"`
	Detail string          `json:"detail,omitempty"`
	Retry  bool            `json:"retry,omitempty"` // of not-started, too
}

// claimBody is the body of POST /claims.
type claimBody struct {
	Worker  string   `json:"worker"`
	Accepts []string `json:"accepts,omitempty"`
	Max     int      `json:"max,omitempty"`
	Wait    duration `json:"wait,omitempty"`
	Request string   `json:"request,omitempty"`
	ID      string   `json:"id,omitempty"`
}

// duration is written like "30s", and read like that or as seconds.
type duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON implements json.Unmarshaler.
func (d *duration) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data) + "s"
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return httpx.ErrJSON.Detailf("a duration is a text such as 30s or a number of seconds")
	}
	*d = duration(parsed)
	return nil
}

// claimed is a task with its lease.
type claimed struct {
	taskdb.Task
	Lease           string  `json:"lease"`
	LeaseSeconds    float64 `json:"leaseSeconds"`
	DeadlineSeconds float64 `json:"deadlineSeconds"`
}

func newClaimed(c taskdb.Claimed) claimed {
	return claimed{Task: c.Task, Lease: c.Lease, LeaseSeconds: c.Duration.Seconds(), DeadlineSeconds: c.Deadline.Seconds()}
}

func (c claimed) contract() taskdb.Claimed {
	return taskdb.Claimed{Task: c.Task, Lease: c.Lease, Duration: ofSeconds(c.LeaseSeconds), Deadline: ofSeconds(c.DeadlineSeconds)}
}

func ofSeconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Microsecond)
}

type claims struct {
	Claims []claimed `json:"claims"`
}

type ids struct {
	IDs  []string `json:"ids"`
	Next string   `json:"next,omitempty"`
}

// expiry is the body of POST /expiries.
type expiry struct {
	Limit int `json:"limit,omitempty"`
}

type expired struct {
	Tasks []taskdb.Task `json:"tasks"`
}

type events struct {
	Events []taskdb.Event `json:"events"`
	Last   int64          `json:"last"` // to go on after
}

// waiting is the body of POST /places, and places the answer.
type waiting struct {
	IDs []string `json:"ids"`
}

type places struct {
	Places []taskdb.Place `json:"places"`
}

// result is the answer to one entry of a list.
type result struct {
	ID    string           `json:"id"`
	OK    bool             `json:"ok,omitempty"`
	Error *problem.Problem `json:"error,omitempty"`
}

type results struct {
	Results []result `json:"results"`
}

func newResult(id string, err error) result {
	if err == nil {
		return result{ID: id, OK: true}
	}
	p := problem.Of(err)
	return result{ID: id, Error: &p}
}

func (r result) err() error {
	if r.Error != nil {
		return r.Error.Fault()
	}
	return nil
}

// readJSON reads a body. What is wrong with a part that judges itself is told
// in that part's words.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	err := httpx.ReadJSON(w, r, limit, v)
	if inner := errors.Unwrap(err); errors.Is(inner, pipeline.ErrInvalid) || errors.Is(inner, httpx.ErrJSON) {
		return inner
	}
	return err
}

var errAnswer = fmt.Errorf("the task database did not answer each entry of the list")
