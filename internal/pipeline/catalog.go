package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Catalog is the operations that a pipeline may have: those that are built in
// and those of foreign workers. It does not change. The nil catalog has the
// built-in ones.
type Catalog struct{ custom map[string]*Op }

// NewCatalog has the given operations beside the built-in ones.
func NewCatalog(custom ...Op) *Catalog {
	c := &Catalog{custom: make(map[string]*Op)}
	for _, op := range custom {
		c.custom[op.Name] = &op
	}
	return c
}

// Ops lists every built-in operation, chapter by chapter.
func Ops() []Op {
	list := make([]Op, len(builtin))
	for i, op := range builtin {
		list[i] = *op
	}
	return list
}

// Ops lists every operation, the custom ones last, by name.
func (c *Catalog) Ops() []Op {
	list := Ops()
	if c == nil {
		return list
	}
	for _, name := range slices.Sorted(maps.Keys(c.custom)) {
		list = append(list, *c.custom[name])
	}
	return list
}

var builtin, byName = declare(inputOps, colourOps, geometryOps, effectOps, composeOps, outputOps)

// declare puts the chapters into one list. A declaration that contradicts
// itself is a defect and is found when the program starts.
func declare(chapters ...[]Op) ([]*Op, map[string]*Op) {
	var list []*Op
	named := make(map[string]*Op)
	for _, chapter := range chapters {
		for _, op := range chapter {
			for i := range op.Params {
				p := &op.Params[i]
				if text, ok := p.canonical(p.Default); p.Default != "" && (!ok || text != p.Default) {
					panic(fmt.Sprintf("pipeline: the default %q of %s's %s is not one", p.Default, op.Name, p.Name))
				}
			}
			if named[op.Name] != nil {
				panic("pipeline: declared twice: " + op.Name)
			}
			list, named[op.Name] = append(list, &op), &op
		}
	}
	return list, named
}

// find looks an operation up.
func (c *Catalog) find(name string) (*Op, error) {
	if op := byName[name]; op != nil {
		return op, nil
	}
	if c != nil {
		if op := c.custom[name]; op != nil {
			return op, nil
		}
	}
	if why, ok := unwritten[name]; ok {
		return nil, fmt.Errorf("%s cannot be written here: %s; expected %s", name, why, strings.Join(formatNames(), ", "))
	}
	names := builtinNames()
	if c != nil {
		names = slices.AppendSeq(names, maps.Keys(c.custom))
	}
	return nil, fmt.Errorf("unknown operation %q%s; minilab ops lists them all", clip(name), suggest(name, names))
}

func builtinNames() []string { return slices.Collect(maps.Keys(byName)) }

func formatNames() []string {
	var names []string
	for _, op := range builtin {
		if op.Format() {
			names = append(names, op.Name)
		}
	}
	return names
}

// suggest offers the nearest of the names, if one is near enough to be meant.
func suggest(name string, names []string) string {
	best, least := "", 3                                        // edits at most, and fewer than half of the word
	for _, known := range slices.Sorted(slices.Values(names)) { // a copy: choices belong to their declaration
		if d := distance(name, known); d < least && 2*d < len(name) {
			best, least = known, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is how many letters must be put in, taken out, replaced or swapped
// with their neighbour to make one word of the other (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	before, last, this := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		this[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			this[j] = min(last[j]+1, this[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				this[j] = min(this[j], before[j-2]+1)
			}
		}
		before, last, this = last, this, before
	}
	return last[len(b)]
}

// clip keeps what a caller sent from flooding an error message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
