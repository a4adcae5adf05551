package pipeline

import (
	"slices"
	"strings"
)

// viewed are the formats that a viewer may say it takes beside JPEG, PNG and
// GIF, in their canonical order.
var viewed = []string{"avif", "webp"}

// ViewedText is the canonical text of the formats among names that a viewer may
// take beside those that all take: avif,webp, avif, webp or nothing.
func ViewedText(names []string) string {
	var known []string
	for _, f := range viewed {
		if slices.Contains(names, f) {
			known = append(known, f)
		}
	}
	return strings.Join(known, ",")
}

// Accepting is the pipeline with the viewer's formats, as ViewedText has them,
// filled in where it ends with auto and does not say them.
func (p Pipeline) Accepting(formats string) Pipeline {
	if len(p) == 0 || formats == "" || p[len(p)-1].Op() != "auto" || p[len(p)-1].Given("accept") {
		return p
	}
	out := slices.Clone(p)
	end := &out[len(out)-1]
	end.values = slices.Clone(end.values)
	i, _ := end.op.param("accept")
	if end.set(i, formats) != nil {
		return p
	}
	return out
}

// Partial is the pipeline with the operation partial before all others, if it
// is not there.
func (p Pipeline) Partial() Pipeline {
	if p.has("partial") {
		return p
	}
	return append(Pipeline{newStep(byName["partial"])}, p...)
}

// WithoutPartial is the pipeline without the operation partial.
func (p Pipeline) WithoutPartial() Pipeline {
	if !p.has("partial") {
		return p
	}
	return slices.DeleteFunc(slices.Clone(p), func(s Step) bool { return s.Op() == "partial" })
}

func (p Pipeline) has(op string) bool {
	return slices.ContainsFunc(p, func(s Step) bool { return s.Op() == op })
}
