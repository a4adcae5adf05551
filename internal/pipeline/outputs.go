package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"minilab/internal/fault"
)

// MaxOutputs is how many results one image has at most.
const MaxOutputs = 16

// maxOutputName is the length of an output's name, in bytes.
const maxOutputName = 64

// Named is one of several results of one image.
type Named struct {
	Name     string   `json:"name"`
	Pipeline Pipeline `json:"pipeline"` // what is done after the beginning that all have in common; empty: nothing more
}

// ParseOutputs reads outputs of built-in operations in either form.
func ParseOutputs(text string) ([]Named, error) { return (*Catalog)(nil).ParseOutputs(text) }

// ParseOutputs reads a list of outputs: NAME=PIPELINE, separated by "|", or
// JSON, {"NAME":PIPELINE} in that order or [{"name":NAME,"pipeline":PIPELINE}].
// The pipeline of one may be empty.
func (c *Catalog) ParseOutputs(text string) ([]Named, error) { return parseOutputs(text, c.Parse) }

// ParseOutputsOpen is ParseOutputs for who does not know all operations, as
// ParseOpen is Parse.
func ParseOutputsOpen(text string) ([]Named, error) { return parseOutputs(text, ParseOpen) }

func parseOutputs(text string, parse func(string) (Pipeline, error)) ([]Named, error) {
	if limit := textLimit(text); len(text) > limit {
		return nil, ErrInvalid.Detailf("outputs have at most %d bytes", limit)
	}
	items, err := splitOutputs(text)
	if err != nil {
		return nil, err
	}
	if len(items) > MaxOutputs {
		return nil, ErrInvalid.Detailf("there are at most %d outputs, got %d", MaxOutputs, len(items))
	}
	list := make([]Named, len(items))
	for i, item := range items {
		o := Named{Name: item.name}
		if item.pipeline != "" {
			if o.Pipeline, err = parse(item.pipeline); err != nil {
				return nil, InOutput(item.name, err)
			}
		}
		list[i] = o
	}
	if n := len(OutputsText(list)); n > MaxText {
		return nil, ErrInvalid.Detailf("outputs have at most %d bytes as text, got %d", MaxText, n)
	}
	return list, CheckOutputNames(list)
}

// textLimit is how many bytes outputs may have in their form: as JSON more, for
// what was taken as text shall be taken in JSON too.
func textLimit(text string) int {
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		return maxJSON
	}
	return MaxText
}

// InOutput says in which output an error of its pipeline lies.
func InOutput(name string, err error) error {
	return ErrInvalid.Detailf("output %q: %s", clip(name), fault.From(err).Detail)
}

// CheckOutputNames is ErrInvalid unless each output has a name, and one of its own.
func CheckOutputNames(list []Named) error {
	for i, o := range list {
		if !IsOutputName(o.Name) {
			return ErrInvalid.Detailf("output %d: %q is no name, expected 1 to %d of a-z, 0-9, \"-\" and \"_\", a letter or digit first", i+1, clip(o.Name), maxOutputName)
		}
		if slices.ContainsFunc(list[:i], func(p Named) bool { return p.Name == o.Name }) {
			return ErrInvalid.Detailf("output %d: there is another one with the name %q", i+1, o.Name)
		}
	}
	return nil
}

// IsOutputName says that an output may have this name: 1 to 64 of a-z, 0-9,
// "-" and "_", a letter or digit first.
func IsOutputName(name string) bool {
	spelled := !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
	return spelled && name != "" && len(name) <= maxOutputName && name[0] != '-' && name[0] != '_'
}

// OutputsText is the canonical text of a list of outputs.
func OutputsText(list []Named) string {
	parts := make([]string, len(list))
	for i, o := range list {
		parts[i] = o.Name + "=" + o.Pipeline.String()
	}
	return strings.Join(parts, "|")
}

// namedText is an output that has not been read yet; its pipeline is in either form.
type namedText struct{ name, pipeline string }

func splitOutputs(text string) ([]namedText, error) {
	switch {
	case strings.HasPrefix(text, "{"):
		return outputsOfObject([]byte(text))
	case strings.HasPrefix(text, "["):
		return outputsOfList([]byte(text))
	}
	var items []namedText
	for part := range strings.SplitSeq(text, "|") {
		name, p, ok := strings.Cut(part, "=")
		if !ok {
			return nil, ErrInvalid.Detailf("output %d: %q is no output, expected NAME=PIPELINE such as thumb=resize:256x256/webp", len(items)+1, clip(part))
		}
		items = append(items, namedText{name, p})
	}
	return items, nil
}

// outputsOfObject keeps the order of the names, which a map would not.
func outputsOfObject(data []byte) ([]namedText, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return nil, errOutputs(err)
	}
	var items []namedText
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errOutputs(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errOutputs(err)
		}
		item, err := namedOf(fmt.Sprint(name), value)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if _, err := d.Token(); err != nil || len(items) == 0 || d.More() {
		return nil, errOutputs(err)
	}
	return items, nil
}

func outputsOfList(data []byte) ([]namedText, error) {
	var list []struct {
		Name     string          `json:"name"`
		Pipeline json.RawMessage `json:"pipeline"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil || len(list) == 0 || d.More() {
		return nil, errOutputs(err)
	}
	items := make([]namedText, len(list))
	for i, o := range list {
		item, err := namedOf(o.Name, o.Pipeline)
		if err != nil {
			return nil, err
		}
		items[i] = item
	}
	return items, nil
}

// namedOf takes a pipeline as a string of the text form or as a list.
func namedOf(name string, value json.RawMessage) (namedText, error) {
	switch {
	case len(value) == 0 || string(value) == "[]":
		return namedText{name, ""}, nil
	case value[0] == '[':
		return namedText{name, string(value)}, nil
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil || string(value) == "null" {
		return namedText{}, ErrInvalid.Detailf("output %q: expected a pipeline, as text or as a list of operations", clip(name))
	}
	return namedText{name, text}, nil
}

func errOutputs(err error) error {
	return ErrInvalid.Detailf(`expected outputs such as {"thumb":"resize:256x256/webp"} or [{"name":"thumb","pipeline":"resize:256x256/webp"}]`).Because(err)
}
