// Package preset is pipelines that are kept by name in the key-value store:
// what a preset is, how it is named, and which one a name means.
//
//	presets/thumb      swap/resize:256x256:cover/webp     the live one: may be replaced at any time
//	presets/thumb@1    resize:128x128/webp                a version: written once
//	presets/shop       {"summary":"For the shop","pipeline":"orient","outputs":{"thumb":"resize:256x256/webp","large":"resize:1600x1600/jpeg"}}
package preset

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
)

// Prefix is where presets are in the key-value store.
const Prefix = "presets/"

// Limits of one preset, in bytes.
const (
	MaxValue   = 64 << 10
	MaxSummary = 200
)

// ErrInvalid says that a value or a name is none of a preset; its detail says
// where and why.
var ErrInvalid = fault.New(fault.Invalid, "invalid-preset", "the preset is not valid")

// Preset is what shall be done to an image.
type Preset struct {
	Summary  string // for people
	Pipeline pipeline.Pipeline
	Outputs  []pipeline.Named
}

// Parse reads a value: a pipeline, in its text form or as a list in JSON, or an
// object with a summary, a pipeline and outputs. Operations that are not built
// in are taken as they are, for pipeline.Catalog.Resolve to judge.
func Parse(value []byte) (Preset, error) {
	if len(value) > MaxValue {
		return Preset{}, ErrInvalid.Detailf("a preset has at most %d bytes, got %d", MaxValue, len(value))
	}
	text := strings.TrimSpace(string(value)) // what an editor puts at the end of a file
	p, err := parse(text)
	if err != nil {
		return Preset{}, Because(err)
	}
	s := lab.Submission{Pipeline: p.Pipeline, Outputs: p.Outputs}
	if len(p.Pipeline)+len(p.Outputs) == 0 {
		return Preset{}, ErrInvalid.Detailf("a preset has a pipeline or outputs")
	}
	return p, Because(s.Check(lab.Limits{}))
}

// Because makes ErrInvalid of what is wrong with a preset's pipelines; nil
// stays nil, and what is no fault of a pipeline stays as it is.
func Because(err error) error {
	if err == nil || errors.Is(err, ErrInvalid) || !errors.Is(err, pipeline.ErrInvalid) {
		return err
	}
	return ErrInvalid.Detailf("%s", fault.From(err).Detail)
}

func parse(text string) (p Preset, err error) {
	if !strings.HasPrefix(text, "{") {
		p.Pipeline, err = pipeline.ParseOpen(text)
		return p, err
	}
	var object struct {
		Summary  string          `json:"summary"`
		Pipeline json.RawMessage `json:"pipeline"`
		Outputs  json.RawMessage `json:"outputs"`
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&object); err != nil {
		return p, ErrInvalid.Detailf(`expected a pipeline, or an object with "summary", "pipeline" and "outputs": %v`, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return p, ErrInvalid.Detailf("there is something behind the object")
	}
	if p.Summary, err = summary(object.Summary); err != nil {
		return p, err
	}
	if given(object.Pipeline) {
		if p.Pipeline, err = pipeline.ParseOpen(unquoted(object.Pipeline)); err != nil {
			return p, err
		}
	}
	if given(object.Outputs) {
		p.Outputs, err = pipeline.ParseOutputsOpen(unquoted(object.Outputs))
	}
	return p, err
}

func given(value json.RawMessage) bool { return len(value) > 0 && string(value) != "null" }

// unquoted is the text of a JSON string; what is none stays JSON.
func unquoted(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return string(bytes.TrimSpace(value))
	}
	return text
}

func summary(text string) (string, error) {
	if len(text) > MaxSummary || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", ErrInvalid.Detailf("a summary has at most %d bytes of UTF-8 without control characters", MaxSummary)
	}
	return text, nil
}

// Value is the preset as it is written: text where that says all of it.
func (p Preset) Value() []byte {
	if p.Summary == "" && len(p.Outputs) == 0 {
		return []byte(p.Pipeline.String())
	}
	return p.object()
}

// object keeps the order of the outputs, which a map would not.
func (p Preset) object() []byte {
	object := struct {
		Summary  string            `json:"summary,omitempty"`
		Pipeline string            `json:"pipeline,omitempty"`
		Outputs  []json.RawMessage `json:"outputs,omitempty"`
	}{Summary: p.Summary, Pipeline: p.Pipeline.String()}
	for _, o := range p.Outputs {
		item, _ := json.Marshal(map[string]string{"name": o.Name, "pipeline": o.Pipeline.String()})
		object.Outputs = append(object.Outputs, item)
	}
	value, _ := json.Marshal(object)
	return value
}
