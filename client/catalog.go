package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// Operation is something that a pipeline may have done to an image.
type Operation struct {
	Name    string  `json:"name"`
	Usage   string  `json:"usage,omitempty"` // as text, such as "webp[:quality]"
	Summary string  `json:"summary"`
	Params  []Param `json:"params,omitempty"`
	Example string  `json:"example,omitempty"`
}

// Param is an argument of an operation.
type Param struct {
	Name     string   `json:"name"`
	Doc      string   `json:"doc,omitempty"`
	Unit     string   `json:"unit,omitempty"`
	Kind     string   `json:"kind,omitempty"`
	Default  any      `json:"default,omitempty"`
	Required bool     `json:"required,omitempty"`
	Min      *float64 `json:"min,omitempty"`
	Max      *float64 `json:"max,omitempty"`
	Choices  []string `json:"choices,omitempty"`
}

// Preset is a pipeline, or several outputs, with a name.
type Preset struct {
	Name     string          `json:"name,omitempty"`
	Summary  string          `json:"summary,omitempty"`
	Pipeline json.RawMessage `json:"pipeline,omitempty"` // text or JSON, as it was written
	Outputs  json.RawMessage `json:"outputs,omitempty"`
}

// Operations are those that the lab has, its own and those of its workers.
func (c *Client) Operations(ctx context.Context) ([]Operation, error) {
	var out struct{ Operations []Operation }
	err := c.json(ctx, call{method: http.MethodGet, path: []string{"operations"}}, &out)
	return out.Operations, err
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
	p.Name = "" // it is in the path
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

// Stats are counts of the lab: tasks by state, the oldest one's age, throughput.
func (c *Client) Stats(ctx context.Context) (stats json.RawMessage, err error) {
	err = c.json(ctx, call{method: http.MethodGet, path: []string{"stats"}}, &stats)
	return stats, err
}

// Workers are the workers of the lab, as it tells of them.
func (c *Client) Workers(ctx context.Context) (workers json.RawMessage, err error) {
	err = c.json(ctx, call{method: http.MethodGet, path: []string{"workers"}}, &workers)
	return workers, err
}
