package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// Operation is something that a pipeline may have done to an image.
type Operation struct {
	Name    string   `json:"name"`
	Group   string   `json:"group,omitempty"` // chapter
	Summary string   `json:"summary"`
	Usage   string   `json:"usage,omitempty"` // as text, such as "webp[:quality]"
	Params  []Param  `json:"params,omitempty"`
	Example string   `json:"example,omitempty"`
	With    []string `json:"with,omitempty"` // of a worker's own: what else that worker does
}

// Param is an argument of an operation.
type Param struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind,omitempty"` // its type
	Doc      string   `json:"doc,omitempty"`
	Expects  string   `json:"expects,omitempty"` // what it may be, in words
	Unit     string   `json:"unit,omitempty"`
	Default  string   `json:"default,omitempty"`
	Required bool     `json:"required,omitempty"`
	Min      *float64 `json:"min,omitempty"`
	Max      *float64 `json:"max,omitempty"`
	Choices  []string `json:"choices,omitempty"`
	Counts   []int    `json:"counts,omitempty"` // how many numbers a list has
	Limit    int      `json:"limit,omitempty"`  // bytes of a text
}

// Preset is a pipeline, or several outputs, with a name.
type Preset struct {
	Name     string   `json:"name,omitempty"` // NAME or NAME@VERSION
	Summary  string   `json:"summary,omitempty"`
	Pipeline string   `json:"pipeline,omitempty"`
	Outputs  []Output `json:"outputs,omitempty"`
	Broken   string   `json:"broken,omitempty"` // why it cannot be used
}

// Stats is the lab at a glance.
type Stats struct {
	Counts         map[State]int64 `json:"counts"`         // tasks in each state
	Ready          int64           `json:"ready"`          // tasks that wait for a worker
	OldestSeconds  float64         `json:"oldestSeconds"`  // how long the oldest of them has waited
	FinishedMinute int64           `json:"finishedMinute"` // tasks finished in the last minute
	FailedMinute   int64           `json:"failedMinute"`
}

// Worker is one that is at work for the lab.
type Worker struct {
	ID      string `json:"id"`
	Version string `json:"version"`
}

// Operations are those that the lab has, its own and those of its workers.
func (c *Client) Operations(ctx context.Context) ([]Operation, error) {
	var out struct{ Operations []Operation }
	err := c.json(ctx, call{method: http.MethodGet, path: []string{"operations"}}, &out)
	return out.Operations, err
}

// PipelineSchema is the JSON Schema of a pipeline's JSON form.
func (c *Client) PipelineSchema(ctx context.Context) (schema json.RawMessage, err error) {
	err = c.json(ctx, call{method: http.MethodGet, path: []string{"operations", "schema"}}, &schema)
	return schema, err
}

// Presets are all the presets of the lab.
func (c *Client) Presets(ctx context.Context) ([]Preset, error) {
	var out struct{ Presets []Preset }
	err := c.json(ctx, call{method: http.MethodGet, path: []string{"presets"}}, &out)
	return out.Presets, err
}

// errNoName keeps an empty name from meaning all presets.
var errNoName = errors.New("a preset's name is empty")

// Preset is the preset that a name, or NAME@VERSION, means.
func (c *Client) Preset(ctx context.Context, name string) (p Preset, err error) {
	if name == "" {
		return p, errNoName
	}
	err = c.json(ctx, call{method: http.MethodGet, path: []string{"presets", name}}, &p)
	return p, err
}

// PutPreset writes the preset under its name, in force for what is handed in
// from then on. It needs the scope admin.
func (c *Client) PutPreset(ctx context.Context, p Preset) error {
	name := p.Name
	if name == "" {
		return errNoName
	}
	p.Name, p.Broken = "", "" // the one is in the path, the other is the lab's
	b, err := jsonBody(p)
	if err != nil {
		return err
	}
	return c.json(ctx, call{method: http.MethodPut, path: []string{"presets", name}, body: b}, nil)
}

// DeletePreset removes a preset, or one version of it. It needs the scope admin.
func (c *Client) DeletePreset(ctx context.Context, name string) error {
	if name == "" {
		return errNoName
	}
	return c.json(ctx, call{method: http.MethodDelete, path: []string{"presets", name}, once: true}, nil)
}

// Stats is the lab at a glance. It needs the scope admin.
func (c *Client) Stats(ctx context.Context) (s Stats, err error) {
	err = c.json(ctx, call{method: http.MethodGet, path: []string{"stats"}}, &s)
	return s, err
}

// Workers are the workers of the lab. It needs the scope admin.
func (c *Client) Workers(ctx context.Context) ([]Worker, error) {
	var out struct{ Workers []Worker }
	err := c.json(ctx, call{method: http.MethodGet, path: []string{"workers"}}, &out)
	return out.Workers, err
}
