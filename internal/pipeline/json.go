package pipeline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxJSON is how many bytes the canonical JSON of a pipeline may have. It is
// longer than the text, at worst one of nothing but "<", of which each becomes
// six.
const maxJSON = 8 * MaxText

// MarshalJSON implements json.Marshaler: a list of objects, each with "op" and
// the parameters that are not at their default.
func (p Pipeline) MarshalJSON() ([]byte, error) {
	steps := make([]map[string]any, len(p))
	for i, s := range p {
		m := map[string]any{"op": s.op.Name}
		for j, v := range s.values {
			if v != s.op.Params[j].Default || s.op.foreign {
				m[s.op.Params[j].Name] = s.op.Params[j].jsonValue(v)
			}
		}
		steps[i] = m
	}
	return json.Marshal(steps)
}

// jsonValue is a canonical value as JSON has it.
func (p *Param) jsonValue(v string) any {
	switch p.Kind {
	case Integer, Number:
		return json.Number(v)
	case Flag:
		return v == "true"
	case Numbers:
		return json.RawMessage("[" + v + "]")
	case Length:
		if !strings.HasSuffix(v, "p") {
			return json.Number(v)
		}
	}
	return v
}

// UnmarshalJSON implements json.Unmarshaler. It also takes the text form as a
// JSON string. Services exchange pipelines in this form, and do not all know
// all operations: those that are not built in are taken as they are, for
// Catalog.Resolve to judge. An empty list is the empty pipeline, which a task
// has in common to outputs that begin each in its own way.
func (p *Pipeline) UnmarshalJSON(data []byte) error {
	if len(data) > maxJSON {
		return ErrInvalid.Detailf("a pipeline has at most %d bytes", maxJSON)
	}
	var out Pipeline
	var err error
	switch {
	case string(data) == "null":
		return nil
	case string(data) == "[]":
		*p = nil
		return nil
	case bytes.HasPrefix(data, []byte(`"`)):
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return ErrInvalid.Because(err)
		}
		out, err = ParseOpen(text)
	default:
		out, err = parseJSON(data, openFind)
	}
	if err == nil {
		*p = out
	}
	return err
}

func parseJSON(data []byte, find finder) (Pipeline, error) {
	var list []map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&list); err != nil || d.More() {
		return nil, ErrInvalid.Detailf("expected a list of operations such as [{\"op\":\"swap\"}]").Because(err)
	}
	p := make(Pipeline, 0, len(list))
	for i, m := range list {
		s, err := stepFromMap(m, find)
		if err != nil {
			return nil, ErrInvalid.Detailf("at operation %d: %v", i+1, err)
		}
		p = append(p, s)
	}
	if i, err := p.order(); err != nil {
		return nil, ErrInvalid.Detailf("at operation %d: %v", i+1, err)
	}
	if err := p.short(); err != nil {
		return nil, err
	}
	return p, nil
}

func stepFromMap(m map[string]any, find finder) (Step, error) {
	name, ok := m["op"].(string)
	if !ok {
		return Step{}, errors.New(`"op" is missing or not a string`)
	}
	op, err := find(name)
	if err != nil {
		return Step{}, err
	}
	r := stepReader{Step: newStep(op), set: make([]bool, len(op.Params))}
	for _, key := range slices.SortedFunc(maps.Keys(m), byLength) { // 2 before 10
		if key == "op" {
			continue
		}
		if op.foreign {
			if err := r.grow(key, rawKind(m[key])); err != nil {
				return Step{}, err
			}
		}
		i, ok := op.param(key)
		if !ok {
			return Step{}, fmt.Errorf("%s has no parameter %q%s", op.Name, clip(key), suggest(key, op.paramNames()))
		}
		v, err := jsonText(m[key])
		if err == nil {
			err = r.put(i, v)
		}
		if err != nil {
			return Step{}, fmt.Errorf("parameter %s: %w", key, err)
		}
	}
	r.sort()
	return r.Step, r.complete()
}

func byLength(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) }

// jsonText is a value of JSON in the text form.
func jsonText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			n, ok := item.(json.Number)
			if !ok {
				return "", errors.New("expected a list of numbers")
			}
			parts[i] = n.String()
		}
		return strings.Join(parts, ","), nil
	}
	return "", errors.New("expected a string, a number, true, false or a list of numbers")
}
