package frontend

import "minilab/internal/pipeline"

// Operation is the declaration of an operation.
type Operation struct {
	Name    string      `json:"name" example:"resize"`
	Group   string      `json:"group" doc:"The chapter that it is in" example:"geometry"`
	Summary string      `json:"summary"`
	Usage   string      `json:"usage" doc:"Its text form" example:"resize:WIDTHxHEIGHT[:fit]"`
	Params  []Parameter `json:"params"`
	Example string      `json:"example,omitempty"`
	With    []string    `json:"with,omitempty" doc:"Of a custom operation: the built-in ones that its workers do as well"`
}

// Parameter is the declaration of an operation's parameter.
type Parameter struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind" doc:"Its type" example:"integer"`
	Doc      string   `json:"doc"`
	Expects  string   `json:"expects" doc:"What it may be, in words"`
	Unit     string   `json:"unit,omitempty" example:"pixels"`
	Default  string   `json:"default,omitempty"`
	Required bool     `json:"required,omitempty"`
	Min      *float64 `json:"min,omitempty" doc:"Of a number"`
	Max      *float64 `json:"max,omitempty"`
	Choices  []string `json:"choices,omitempty"`
	Counts   []int    `json:"counts,omitempty" doc:"How many numbers a list has"`
	Limit    int      `json:"limit,omitempty" doc:"Bytes of a text"`
}

func newOperation(op pipeline.Op) Operation {
	out := Operation{
		Name: op.Name, Group: string(op.Group), Summary: op.Summary, Usage: op.Usage(), Params: []Parameter{},
		Example: op.Example, With: op.With,
	}
	for _, p := range op.Params {
		v := Parameter{
			Name: p.Name, Kind: string(p.Kind), Doc: p.Doc, Expects: p.Expects(), Unit: p.Unit, Default: p.Default,
			Required: p.Required, Choices: p.Choices, Counts: p.Counts, Limit: p.Limit,
		}
		if p.Min < p.Max {
			v.Min, v.Max = &p.Min, &p.Max
		}
		out.Params = append(out.Params, v)
	}
	return out
}
