// Package hookhttp is the wire of webhooks: the same routes at the task
// database, which keeps them, and at the master, which customers' calls go
// through.
package hookhttp

import (
	"minilab/internal/hook"
	"minilab/internal/problem"
)

// Limits of a body, in bytes.
const (
	maxBody = 64 << 10
	maxList = 1 << 20
)

type webhooks struct {
	Webhooks []hook.Webhook `json:"webhooks"`
}

// secretBody is the body of POST /webhookSecrets.
type secretBody struct {
	Owner   string `json:"owner"`
	Webhook string `json:"webhook,omitempty"` // empty: that of callbacks
	Rotate  bool   `json:"rotate,omitempty"`
}

type secret struct {
	Secret string `json:"secret"`
}

type claims struct {
	Claims []hook.Claimed `json:"claims"`
}

// result is the answer to one entry of a list.
type result struct {
	ID    string           `json:"id"`
	Error *problem.Problem `json:"error,omitempty"`
}

type results struct {
	Results []result `json:"results"`
}

func newResult(id string, err error) result {
	if err == nil {
		return result{ID: id}
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
