package develop

import "strings"

// order says which source channel each of the result's three is.
type order [3]int

var identity = order{0, 1, 2}

// orderOf reduces a pipeline of swaps to one; it is not ok for any other wish.
func orderOf(targets []Target) (o order, ok bool) {
	o = identity
	if len(targets) != 1 {
		return o, false
	}
	for _, step := range targets[0].Pipeline {
		if step.Op() == "lane" {
			continue
		}
		if step.Op() != "swap" {
			return o, false
		}
		before := o
		for i, channel := range step.Value("order") {
			o[i] = before[strings.IndexRune("rgb", channel)]
		}
	}
	return o, true
}

// colours implements recolouring.
func (o order) colours(table []byte) error {
	for ; len(table) >= 3; table = table[3:] {
		c := [3]byte(table)
		table[0], table[1], table[2] = c[o[0]], c[o[1]], c[o[2]]
	}
	return nil
}

// bits implements recolouring: they go with their channels.
func (o order) bits(significant []byte) { _ = o.colours(significant) }
