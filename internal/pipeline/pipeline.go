// Package pipeline is the language in which a user says what shall be done to
// an image: an ordered list of operations. It has two forms that mean the same
// and convert both ways, and one canonical text:
//
//	swap:grb/resize:512x512:cover/webp:80
//	[{"op":"swap","order":"grb"},{"op":"resize","width":512,"height":512,"fit":"cover"},{"op":"webp","quality":80}]
//
// A pipeline that exists is valid: every way to make one from outside checks
// each operation and parameter.
package pipeline

import (
	"errors"
	"fmt"

	"minilab/internal/fault"
)

// Limits of one pipeline.
const (
	MaxText  = 8 << 10 // bytes of either form
	MaxSteps = 64
)

// ErrInvalid says that a pipeline is not one; its detail says where and why.
var ErrInvalid = fault.New(fault.Invalid, "invalid-pipeline", "the pipeline is not valid")

// ErrDeclaration says that an operation of one's own is not declared as it must
// be; its detail says where and why.
var ErrDeclaration = fault.New(fault.Invalid, "invalid-operation", "the declaration of the operation is not valid")

// Pipeline is an ordered list of operations. The zero value does nothing and
// is not valid by itself; see Default.
type Pipeline []Step

// Step is one operation with a value for each of its parameters.
type Step struct {
	op     *Op
	values []string // canonical, one for each of op.Params; empty: left out
	at     int      // of an operation that is not known here: at which character of the text it stood, from 1; 0: not told
}

// Default is what is done when nothing is asked for: red and blue trade places.
func Default() Pipeline {
	return Pipeline{newStep(byName["swap"])}
}

func newStep(op *Op) Step {
	s := Step{op: op, values: make([]string, len(op.Params))}
	for i, p := range op.Params {
		s.values[i] = p.Default
	}
	return s
}

// Op is the operation's name.
func (s Step) Op() string { return s.op.Name }

// Declaration is the operation's.
func (s Step) Declaration() Op { return *s.op }

// Equal says that two steps do the same.
func (s Step) Equal(t Step) bool { return s.String() == t.String() }

// set gives a parameter its value.
func (s Step) set(i int, value string) error {
	p := &s.op.Params[i]
	text, ok := p.canonical(value)
	if !ok {
		return fmt.Errorf("%s: %s is %q, expected %s%s", s.op.Name, p.Name, clip(value), p.Expects(), suggest(value, p.Choices))
	}
	s.values[i] = text
	return nil
}

// complete checks what the parameters are to each other.
func (s Step) complete() error {
	for i, p := range s.op.Params {
		if p.Required && s.values[i] == "" {
			return fmt.Errorf("%s: %s is missing, expected %s", s.op.Name, p.Name, p.Expects())
		}
	}
	if s.op.check == nil {
		return nil
	}
	if err := s.op.check(s); err != nil {
		return fmt.Errorf("%s: %w", s.op.Name, err)
	}
	return nil
}

// Join is one pipeline after another; together they are held to the same rules.
func Join(p, q Pipeline) (Pipeline, error) {
	all := append(append(make(Pipeline, 0, len(p)+len(q)), p...), q...)
	if i, err := all.order(); err != nil {
		return nil, ErrInvalid.Detailf("at operation %d: %v", i+1, err)
	}
	if err := all.short(); err != nil {
		return nil, err
	}
	return all, nil
}

// order checks what the steps are to each other. The index is that of the step
// at fault.
func (p Pipeline) order() (int, error) {
	if len(p) == 0 {
		return 0, errors.New("a pipeline has at least one operation")
	}
	if len(p) > MaxSteps {
		return MaxSteps, fmt.Errorf("a pipeline has at most %d operations, got %d", MaxSteps, len(p))
	}
	for i, s := range p[1:] {
		before := p[i]
		switch {
		case before.op.place == last:
			return i + 1, fmt.Errorf("%s comes after %s, which chooses the format of the result and must be the last operation", s.op.Name, before.op.Name)
		case s.op.place == first && before.op.place != first:
			return i + 1, fmt.Errorf("%s chooses what of the image is read and must stand before %s", s.op.Name, before.op.Name)
		}
	}
	return 0, nil
}
