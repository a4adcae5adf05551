package develop

import (
	"slices"

	"minilab/internal/pipeline"
)

// wish is what of an image is to be read, and how closely.
type wish struct {
	pages   pages
	partial bool // what is there of a damaged image will do
	pixels  bool // no shorter lane will do
}

// pages is a range, from 1; the zero value is all of them, to 0 is up to the last.
type pages struct{ from, to int }

// read says that a step is done while the image is read.
func read(step pipeline.Step) bool { return step.Declaration().Group == pipeline.Input }

// wishOf is what targets want that all want the same.
func wishOf(targets []Target) wish {
	var w wish
	for _, step := range targets[0].Pipeline {
		if !read(step) {
			break
		}
		w.add(step)
	}
	return w
}

// byWish groups the targets that want the same.
func byWish(targets []Target) [][]int {
	var groups [][]int
next:
	for t := range targets {
		for i, group := range groups {
			if wishOf(targets[t:]) == wishOf(targets[group[0]:]) {
				groups[i] = append(group, t)
				continue next
			}
		}
		groups = append(groups, []int{t})
	}
	return groups
}

// add takes an input operation into account.
func (w *wish) add(step pipeline.Step) {
	switch step.Op() {
	case "page":
		w.pages = pages{step.Int("number"), step.Int("number")}
	case "frames":
		w.pages = pages{step.Int("from"), step.Int("to")}
	case "partial":
		w.partial = true
	case "lane":
		w.pixels = step.Value("name") == "off"
	}
}

// cuts says that rows of the image may be of no use to any target.
func cuts(targets []Target) bool {
	return !slices.ContainsFunc(targets, func(t Target) bool { return !slices.ContainsFunc(t.Pipeline, cut) })
}

func cut(s pipeline.Step) bool {
	return s.Op() == "crop" || s.Op() == "resize" && (s.Value("fit") == "cover" || s.Value("kernel") == "nearest")
}
