// Package pipeline is the language in which a user says what shall be done to
// an image: an ordered list of operations. It has two forms that mean the same
// and convert both ways, and one canonical text:
//
//	swap:grb
//	[{"op":"swap","order":"grb"}]
//
// A pipeline that exists is valid: Parse and UnmarshalJSON are the only ways
// to make one from outside, and both check every operation and parameter.
package pipeline

import (
	"fmt"
	"strings"

	"minilab/internal/fault"
)

// Limits of one pipeline.
const (
	MaxText  = 8 << 10 // bytes of either form
	MaxSteps = 64
)

// ErrInvalid says that a pipeline is not one; its detail says where and why.
var ErrInvalid = fault.New(fault.Invalid, "invalid-pipeline", "the pipeline is not valid")

// Pipeline is an ordered list of operations. The zero value does nothing and
// is not valid; see Default.
type Pipeline []Step

// Step is one operation with a value for each of its parameters.
type Step struct {
	op     Op
	values []string // one for each of op.Params, never empty
}

// Default is what is done when nothing is asked for: red and blue trade places.
func Default() Pipeline {
	p, err := Parse("swap")
	if err != nil {
		panic(err)
	}
	return p
}

// Op is the operation's name.
func (s Step) Op() string { return s.op.Name }

// Value is the value of the named parameter in text form. It panics when the
// operation has no such parameter, which is a defect of the caller.
func (s Step) Value(name string) string {
	i, ok := s.op.param(name)
	if !ok {
		panic(fmt.Sprintf("pipeline: %s has no parameter %q", s.op.Name, name))
	}
	return s.values[i]
}

// Parse reads the text form: operations separated by "/", each a name and its
// parameters separated by ":". Text that starts with "[" is read as JSON.
func Parse(text string) (Pipeline, error) {
	if len(text) > MaxText {
		return nil, ErrInvalid.Detailf("a pipeline has at most %d bytes", MaxText)
	}
	if strings.HasPrefix(text, "[") {
		var p Pipeline
		if err := p.UnmarshalJSON([]byte(text)); err != nil {
			return nil, err
		}
		return p, nil
	}
	var p Pipeline
	at := 0
	for part := range strings.SplitSeq(text, "/") {
		s, err := parseStep(part)
		if err != nil {
			return nil, ErrInvalid.Detailf("at character %d: %v", at+1, err)
		}
		p = append(p, s)
		at += len(part) + 1
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

func parseStep(text string) (Step, error) {
	fields := strings.Split(text, ":")
	op, err := findOp(fields[0])
	if err != nil {
		return Step{}, err
	}
	if len(fields)-1 > len(op.Params) {
		return Step{}, fmt.Errorf("%s takes at most %d parameters, got %d", op.Name, len(op.Params), len(fields)-1)
	}
	s := newStep(op)
	for i, v := range fields[1:] {
		if err := s.set(i, v); err != nil {
			return Step{}, err
		}
	}
	return s, nil
}

func newStep(op Op) Step {
	s := Step{op: op, values: make([]string, len(op.Params))}
	for i, p := range op.Params {
		s.values[i] = p.Default
	}
	return s
}

func (s Step) set(i int, value string) error {
	p := s.op.Params[i]
	if !p.Check(value) {
		return fmt.Errorf("%s: %s is %q, expected %s", s.op.Name, p.Name, clip(value), p.Expects)
	}
	s.values[i] = value
	return nil
}

func (p Pipeline) check() error {
	switch {
	case len(p) == 0:
		return ErrInvalid.Detailf("a pipeline has at least one operation")
	case len(p) > MaxSteps:
		return ErrInvalid.Detailf("a pipeline has at most %d operations, got %d", MaxSteps, len(p))
	}
	return nil
}

// String is the canonical text: trailing parameters at their default are left out.
func (p Pipeline) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.String()
	}
	return strings.Join(parts, "/")
}

// String is the canonical text of one step.
func (s Step) String() string {
	n := len(s.values)
	for n > 0 && s.values[n-1] == s.op.Params[n-1].Default {
		n--
	}
	return strings.Join(append([]string{s.op.Name}, s.values[:n]...), ":")
}
