package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// MarshalJSON implements json.Marshaler: a list of objects, each with "op" and
// the parameters that are not at their default.
func (p Pipeline) MarshalJSON() ([]byte, error) {
	steps := make([]map[string]string, len(p))
	for i, s := range p {
		m := map[string]string{"op": s.op.Name}
		for j, v := range s.values {
			if v != s.op.Params[j].Default {
				m[s.op.Params[j].Name] = v
			}
		}
		steps[i] = m
	}
	return json.Marshal(steps)
}

// UnmarshalJSON implements json.Unmarshaler. It also takes the text form as a
// JSON string.
func (p *Pipeline) UnmarshalJSON(data []byte) error {
	if len(data) > MaxText {
		return ErrInvalid.Detailf("a pipeline has at most %d bytes", MaxText)
	}
	if bytes.HasPrefix(data, []byte(`"`)) {
		return p.unmarshalText(data)
	}
	var raw []map[string]any
	if err := json.Unmarshal(data, &raw); err != nil {
		return ErrInvalid.Detailf("expected a list of operations such as [{\"op\":\"swap\"}]").Because(err)
	}
	out := make(Pipeline, 0, len(raw))
	for i, m := range raw {
		s, err := stepFromMap(m)
		if err != nil {
			return ErrInvalid.Detailf("at operation %d: %v", i+1, err)
		}
		out = append(out, s)
	}
	if err := out.check(); err != nil {
		return err
	}
	*p = out
	return nil
}

func (p *Pipeline) unmarshalText(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return ErrInvalid.Because(err)
	}
	out, err := Parse(text)
	if err != nil {
		return err
	}
	*p = out
	return nil
}

func stepFromMap(m map[string]any) (Step, error) {
	name, ok := m["op"].(string)
	if !ok {
		return Step{}, fmt.Errorf(`"op" is missing or not a string`)
	}
	op, err := findOp(name)
	if err != nil {
		return Step{}, err
	}
	s := newStep(op)
	for key, v := range m {
		if key == "op" {
			continue
		}
		i, ok := op.param(key)
		if !ok {
			return Step{}, fmt.Errorf("%s has no parameter %q", op.Name, clip(key))
		}
		if err := s.set(i, fmt.Sprint(v)); err != nil {
			return Step{}, err
		}
	}
	return s, nil
}
