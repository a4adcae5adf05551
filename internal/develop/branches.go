package develop

import (
	"minilab/internal/darkroom"
	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
)

// branches walks a tree: pipelines that begin with the same steps share what
// these make.
type branches struct {
	n       *negative
	limit   int64 // bytes of one output
	targets []Target
	outputs []wire.Output
}

func all(targets []Target) []int {
	list := make([]int, len(targets))
	for i := range list {
		list[i] = i
	}
	return list
}

// follow does the steps from depth on of the given targets, which have had all
// steps before in common.
func (b *branches) follow(s *darkroom.Sheet, targets []int, depth int) error {
	for {
		groups := b.split(targets, depth)
		if len(groups) > 1 {
			return b.fork(s, groups, depth)
		}
		step, more := b.step(targets[0], depth)
		if !more {
			return b.write(s, targets)
		}
		if !read(step) {
			if err := s.Apply(step); err != nil {
				return err
			}
		}
		depth++
	}
}

// fork goes on with each group by itself.
func (b *branches) fork(s *darkroom.Sheet, groups [][]int, depth int) error {
	for _, group := range groups {
		own, err := s.Clone()
		if err != nil {
			return err
		}
		if err := b.follow(own, group, depth); err != nil {
			return err
		}
	}
	return nil
}

// split groups targets by the step that comes next. Those that have none left,
// or only their format, are a group each, unless it is the same.
func (b *branches) split(targets []int, depth int) [][]int {
	var groups [][]int
next:
	for _, t := range targets {
		for i, group := range groups {
			if b.key(t, depth) == b.key(group[0], depth) {
				groups[i] = append(group, t)
				continue next
			}
		}
		groups = append(groups, []int{t})
	}
	return groups
}

// key is the next step in canonical text; empty when there is none.
func (b *branches) key(target, depth int) string {
	if step, more := b.step(target, depth); more {
		return step.String()
	}
	if format, ok := b.format(target); ok {
		return format.String()
	}
	return ""
}

// step is a target's step at that depth; its format is none.
func (b *branches) step(target, depth int) (step pipeline.Step, more bool) {
	p := b.targets[target].Pipeline
	if depth >= len(p) || p[depth].Declaration().Format() {
		return step, false
	}
	return p[depth], true
}

// format is the step that chooses the format, if there is one.
func (b *branches) format(target int) (step pipeline.Step, ok bool) {
	p := b.targets[target].Pipeline
	if len(p) == 0 || !p[len(p)-1].Declaration().Format() {
		return step, false
	}
	return p[len(p)-1], true
}

// write writes one result, and copies it for targets that want the very same.
func (b *branches) write(s *darkroom.Sheet, targets []int) error {
	first := b.targets[targets[0]]
	format, chosen := b.format(targets[0])
	out, err := b.n.write(s, format, chosen, first.File, b.limit)
	if err != nil {
		return err
	}
	b.outputs[targets[0]] = out
	for _, t := range targets[1:] {
		if err := copyFile(b.targets[t].File, first.File); err != nil {
			return err
		}
		b.outputs[t] = out
	}
	return nil
}
