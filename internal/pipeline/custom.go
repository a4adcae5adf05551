package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// raw is the type of a value whose operation is not declared here.
const raw Kind = ""

// openFind takes an operation that is not built in as it is.
func openFind(name string) (*Op, error) {
	if op := byName[name]; op != nil {
		return op, nil
	}
	if _, known := unwritten[name]; known || !IsName(name) {
		return (*Catalog)(nil).find(name)
	}
	return &Op{Name: name, Group: Custom, foreign: true}, nil
}

// IsName says that an operation of one's own may have this name: 1 to 64 of
// a-z, 0-9, "." and "-", a letter first. DefaultNeeds of package taskdb is none.
func IsName(name string) bool {
	spelled := !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-'
	})
	return spelled && name != "" && len(name) <= 64 && name[0] >= 'a' && name[0] <= 'z' && name != "image" && byName[name] == nil
}

// isParamName says that a parameter of an operation of one's own may have this
// name: 1 to 32 of a-z, 0-9, "_" and "-", a letter first. "op" is the operation
// itself in JSON.
func isParamName(name string) bool {
	spelled := !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
	return spelled && name != "" && name != "op" && len(name) <= 32 && name[0] >= 'a' && name[0] <= 'z'
}

// rawKind is the type that a value has shown in JSON.
func rawKind(v any) Kind {
	switch v.(type) {
	case json.Number:
		return Number
	case bool:
		return Flag
	case []any:
		return Numbers
	}
	return raw
}

// shownKind is the type that a value of the kind shows in JSON.
func shownKind(k Kind, v string) Kind {
	switch {
	case k == Integer || k == Length && !strings.HasSuffix(v, "p"):
		return Number
	case k == Number || k == Flag || k == Numbers:
		return k
	}
	return raw
}

// rawParam is a parameter of an operation that is not declared here.
func rawParam(name string, kind Kind) Param {
	return Param{Name: name, Kind: kind, Min: -maxCustom, Max: maxCustom}
}

// isPosition says that a parameter has no name but its place.
func isPosition(name string, i int) bool { return name == strconv.Itoa(i+1) }

// Foreign is the names of the operations that are not built in, each once.
func (p Pipeline) Foreign() []string {
	var names []string
	for _, s := range p {
		if s.op.Group == Custom && !slices.Contains(names, s.op.Name) {
			names = append(names, s.op.Name)
		}
	}
	return names
}

// Resolve judges the operations of a pipeline that was read openly by their
// declarations: what is not declared is ErrInvalid. The values that were left
// out are filled in, so that workers need not know the declarations.
func (c *Catalog) Resolve(p Pipeline) (Pipeline, error) {
	out := slices.Clone(p)
	for i, s := range p {
		if s.op.Group != Custom {
			continue
		}
		resolved, err := c.resolve(s)
		if err != nil {
			return nil, ErrInvalid.Detailf("%s: %v", s.place(i), err)
		}
		out[i] = resolved.plain()
	}
	if data, err := json.Marshal(out); err != nil || len(data) > maxJSON {
		return nil, ErrInvalid.Detailf("with all its values a pipeline has at most %d bytes, got %d", maxJSON, len(data)).Because(err)
	}
	if err := out.short(); err != nil {
		return nil, err
	}
	return out, nil
}

// place says where a step stands, the i-th of its pipeline from 0: in the text,
// if it was read from one here.
func (s Step) place(i int) string {
	if s.at > 0 {
		return fmt.Sprintf("at character %d", s.at)
	}
	return fmt.Sprintf("at operation %d", i+1)
}

func (c *Catalog) resolve(s Step) (Step, error) {
	op, err := c.find(s.op.Name)
	if err != nil {
		return Step{}, err
	}
	r := stepReader{Step: newStep(op), set: make([]bool, len(op.Params))}
	for i, p := range s.op.Params {
		field := escape(s.values[i])
		if !isPosition(p.Name, i) {
			field = p.Name + "=" + field
		}
		if err := r.field(field); err != nil {
			return Step{}, err
		}
	}
	return r.Step, r.complete()
}

// plain is the step as who does not know the declaration would read it.
func (s Step) plain() Step {
	r := stepReader{Step: newStep(&Op{Name: s.op.Name, Group: Custom, foreign: true})}
	for i, v := range s.values {
		if v == "" {
			continue
		}
		r.op.Params = append(r.op.Params, rawParam(s.op.Params[i].Name, shownKind(s.op.Params[i].Kind, v)))
		r.values = append(r.values, v)
	}
	r.sort()
	return r.Step
}

// Needs is the name of the custom operation that is in the pipelines of one
// task, empty for none. One worker does them all: there is one custom operation
// and beside it what its workers do as well, or ErrInvalid.
func (c *Catalog) Needs(list ...Pipeline) (string, error) {
	var op *Op
	for _, p := range list {
		for i, s := range p {
			if s.op.Group != Custom {
				continue
			}
			if op != nil && s.op.Name != op.Name {
				return "", ErrInvalid.Detailf("at operation %d: %s cannot be beside %s: a task has one custom operation, which its workers do", i+1, s.op.Name, op.Name)
			}
			found, err := c.find(s.op.Name)
			if err != nil {
				return "", ErrInvalid.Detailf("at operation %d: %v", i+1, err)
			}
			op = found
		}
	}
	if op == nil {
		return "", nil
	}
	if err := op.beside(list); err != nil {
		return "", err
	}
	return op.Name, nil
}

// beside is ErrInvalid unless the operation's workers do all the others too.
func (o *Op) beside(list []Pipeline) error {
	for _, p := range list {
		for i, s := range p {
			if s.op.Group == Custom || slices.Contains(o.With, s.op.Name) {
				continue
			}
			can := "nothing else"
			if len(o.With) > 0 {
				can = "only " + strings.Join(o.With, ", ")
			}
			return ErrInvalid.Detailf("at operation %d: %s cannot be beside %s, whose workers do %s besides", i+1, s.op.Name, o.Name, can)
		}
	}
	return nil
}
