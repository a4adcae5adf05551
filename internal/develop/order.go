package develop

import (
	"fmt"
	"strings"

	"minilab/internal/pipeline"
)

// order says which source channel each of the result's three is.
type order [3]int

var identity = order{0, 1, 2}

// orderOf reduces a pipeline of swaps to one.
func orderOf(p pipeline.Pipeline) (order, error) {
	o := identity
	for _, step := range p {
		if step.Op() != "swap" {
			return o, fmt.Errorf("develop: the engine has no operation %q", step.Op())
		}
		before := o
		for i, channel := range step.Value("order") {
			o[i] = before[strings.IndexRune("rgb", channel)]
		}
	}
	return o, nil
}

// apply reorders colours in place: three bytes each, red first.
func (o order) apply(table []byte) {
	for ; len(table) >= 3; table = table[3:] {
		c := [3]byte(table)
		table[0], table[1], table[2] = c[o[0]], c[o[1]], c[o[2]]
	}
}
