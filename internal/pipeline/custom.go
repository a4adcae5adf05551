package pipeline

import (
	"encoding/json"
	"math"
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
// name: 1 to 32 of a-z, 0-9, "_" and "-", a letter first.
func isParamName(name string) bool {
	spelled := !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
	return spelled && name != "" && len(name) <= 32 && name[0] >= 'a' && name[0] <= 'z'
}

// rawKind is the type that a value has shown in JSON.
func rawKind(v any) Kind {
	switch v.(type) {
	case json.Number:
		return Number
	case bool:
		return Flag
	}
	return raw
}

// rawParam is a parameter of an operation that is not declared here.
func rawParam(name string, kind Kind) Param {
	return Param{Name: name, Kind: kind, Min: -math.MaxFloat64, Max: math.MaxFloat64}
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
// declarations: what is not declared is ErrInvalid.
func (c *Catalog) Resolve(p Pipeline) (Pipeline, error) {
	out := slices.Clone(p)
	for i, s := range p {
		if !s.op.foreign {
			continue
		}
		resolved, err := c.resolve(s)
		if err != nil {
			return nil, ErrInvalid.Detailf("at operation %d: %v", i+1, err)
		}
		out[i] = resolved
	}
	return out, nil
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
