package develop

import (
	"slices"

	"minilab/internal/darkroom"
	"minilab/internal/pipeline"
)

// leave is how much is left for a resize to shrink, at least, after an image was
// decoded smaller. A decoder only averages blocks, so the less is left, the more
// of what is too fine to be seen shows as a pattern. 2 takes 1.07 times as long
// and 1 is visibly worse (docs/performance.md).
const leave = 1.4

// shrinks are the factors that JPEG decoders know besides 1.
var shrinks = []int{8, 4, 2}

// shrink is how much smaller the image can be decoded, because every target
// begins with making it smaller.
func (n *negative) shrink(targets []Target) int {
	if n.format.name != "jpeg" {
		return 1
	}
	width, height := n.image.Width(), n.image.Height()
	if to, _ := n.image.Int("orientation"); to >= 5 {
		width, height = height, width
	}
	least := float64(shrinks[0]) * leave
	for _, t := range targets {
		step, ok := firstOf(t.Pipeline)
		if !ok {
			return 1
		}
		least = min(least, darkroom.Shrink(step, width, height))
	}
	i := slices.IndexFunc(shrinks, func(s int) bool { return least >= leave*float64(s) })
	if i < 0 {
		return 1
	}
	return shrinks[i]
}

// firstOf is the first step that does something with pixels, but for turning them
// upright, which a resize does as well.
func firstOf(p pipeline.Pipeline) (pipeline.Step, bool) {
	i := slices.IndexFunc(p, func(s pipeline.Step) bool {
		return !read(s) && s.Op() != "strip" && !(s.Op() == "orient" && s.Value("to") == "auto")
	})
	if i < 0 {
		return pipeline.Step{}, false
	}
	return p[i], true
}

// decodeSmaller has the image decoded so many times smaller.
func (n *negative) decodeSmaller(by int) error {
	n.by = by
	image, err := n.load(1, 1)
	if err == nil {
		n.image.Close()
		n.image = image
	}
	return err
}
