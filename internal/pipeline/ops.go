package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// Op declares one operation. The parser, the canonical text, the docs and
// what the engine may be asked to do all come from this declaration.
type Op struct {
	Name    string
	Summary string // one sentence, for people
	Params  []Param
}

// Param declares one parameter of an operation, in the order of the text form.
type Param struct {
	Name    string
	Doc     string
	Default string // in text form; parameters at their default are left out of the canonical text
	Expects string // what a valid value looks like, for error messages
	Check   func(value string) bool
}

// Ops lists every operation by name.
func Ops() []Op { return slices.Clone(ops) }

var ops = []Op{
	{
		Name:    "swap",
		Summary: "Reorders the colour channels; by default red and blue trade places.",
		Params: []Param{{
			Name:    "order",
			Doc:     "The source channel of each of the result's red, green and blue.",
			Default: "bgr",
			Expects: "a permutation of r, g and b, such as bgr",
			Check:   isPermutation,
		}},
	},
}

func isPermutation(v string) bool {
	return len(v) == 3 && strings.Contains(v, "r") && strings.Contains(v, "g") && strings.Contains(v, "b")
}

func findOp(name string) (Op, error) {
	i := slices.IndexFunc(ops, func(o Op) bool { return o.Name == name })
	if i < 0 {
		return Op{}, fmt.Errorf("unknown operation %q, expected one of: %s", clip(name), strings.Join(names(), ", "))
	}
	return ops[i], nil
}

func names() []string {
	out := make([]string, len(ops))
	for i, o := range ops {
		out[i] = o.Name
	}
	return out
}

// param finds a parameter by name; the index is its position in the text form.
func (o Op) param(name string) (int, bool) {
	i := slices.IndexFunc(o.Params, func(p Param) bool { return p.Name == name })
	return i, i >= 0
}

// clip keeps what a caller sent from flooding an error message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
