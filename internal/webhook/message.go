package webhook

import (
	"encoding/json"
	"time"

	"minilab/internal/hook"
	"minilab/internal/pipeline"
)

// message is the body of a call.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of what it tells, not of the attempt
	Data      any       `json:"data"`
}

// task is what a message tells of a task that has ended, named as in the
// public API.
type task struct {
	ID         string          `json:"id"`
	State      string          `json:"state"`
	Pipeline   string          `json:"pipeline,omitempty"`
	Tags       []string        `json:"tags,omitempty"`
	Outputs    []output        `json:"outputs,omitempty"` // of a finished one
	Error      *taskError      `json:"error,omitempty"`   // of a failed one
	Facts      json.RawMessage `json:"facts,omitempty"`
	URL        string          `json:"url"` // path of the API
	CreatedAt  time.Time       `json:"createdAt"`
	FinishedAt time.Time       `json:"finishedAt"`
	ExpiresAt  time.Time       `json:"expiresAt,omitzero"`
}

type output struct {
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256"`
	URL         string `json:"url"`
}

type taskError struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// queued is a task as the outbox has it.
type queued struct {
	ID, State                        string
	Pipeline                         json.RawMessage
	Tags                             []string
	Outputs                          []output
	Error                            *taskError
	Facts                            json.RawMessage
	CreatedAt, FinishedAt, ExpiresAt int64 // microseconds since 1970
}

// body is what is sent. It is the same at every attempt.
func body(d hook.Delivery) ([]byte, error) {
	m := message{Type: d.Type, Timestamp: d.CreatedAt.UTC(), Data: d.Data}
	if d.Type != hook.Test {
		var q queued
		if err := json.Unmarshal(d.Data, &q); err != nil {
			return nil, err
		}
		m.Data = q.task()
	}
	return json.Marshal(m)
}

func (q queued) task() task {
	t := task{
		ID: q.ID, State: q.State, Pipeline: pipelineText(q.Pipeline), Tags: q.Tags, Error: q.Error, Facts: q.Facts,
		URL:       "/api/v1/tasks/" + q.ID,
		CreatedAt: at(q.CreatedAt), FinishedAt: at(q.FinishedAt), ExpiresAt: at(q.ExpiresAt),
	}
	if string(t.Facts) == "null" {
		t.Facts = nil
	}
	for _, o := range q.Outputs {
		if o.SHA256 == "" {
			continue // wanted, and not made
		}
		o.URL = t.URL + "/result"
		if o.Name != "" {
			o.URL += "/" + o.Name
		}
		t.Outputs = append(t.Outputs, o)
	}
	return t
}

// pipelineText is empty for what this version cannot read.
func pipelineText(data json.RawMessage) string {
	var p pipeline.Pipeline
	if len(data) == 0 || json.Unmarshal(data, &p) != nil {
		return ""
	}
	return p.String()
}

func at(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
