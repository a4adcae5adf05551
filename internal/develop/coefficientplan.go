package develop

import (
	"minilab/internal/coeff"
	"minilab/internal/darkroom"
	"minilab/internal/pipeline"
)

// plan is what a pipeline makes of a JPEG, in words of the coefficient lane.
type plan struct {
	view        view
	colours     affine
	grey        bool // of one channel, from the start or by a step
	profiled    bool // has a profile
	orientation int  // Exif's; 0: none, or forgotten
	strip       darkroom.Strip
	ordered     bool           // swaps and nothing else
	format      *pipeline.Step // nil: the source's
}

// planOf is the plan for a pipeline; it is not ok for one that is not for this
// lane.
func planOf(p pipeline.Pipeline, image *coeff.Image, orientation int, profiled bool) (plan, bool) {
	l := plan{
		view: view{region: image.Whole()}, colours: unchanged, grey: image.Components == 1,
		profiled: profiled, orientation: orientation, ordered: true,
	}
	for i := range p {
		if !l.take(p[i]) {
			return l, false
		}
	}
	if l.format != nil || l.strip.All {
		l.upright()
	}
	return l, !(l.profiled && l.strip.All && !l.strip.KeepICC) // which is converted to sRGB
}

// take adds a step.
func (l *plan) take(step pipeline.Step) bool {
	d := step.Declaration()
	switch {
	case d.Name == "lane":
		return true
	case d.Format():
		l.format = &step
		return d.Name == "jpeg" && !step.Has("maxbytes")
	case d.Group == pipeline.Colour:
		l.ordered = l.ordered && d.Name == "swap"
		return l.recolour(step)
	}
	l.ordered = false
	switch {
	case d.Name == "strip":
		l.strip = darkroom.Stripped(l.strip, step)
		return true
	case d.Name == "orient":
		l.orientation = orientation(step, l.orientation)
		l.upright()
		return true
	case d.Group == pipeline.Geometry:
		l.upright()
		moved, ok := l.view.moved(step)
		l.view = moved
		return ok
	}
	return false
}

// upright does what steps that move pixels do first.
func (l *plan) upright() {
	l.view = l.view.upright(l.orientation)
	l.orientation = 0
}

// recolour adds a step that changes colours. Grey has no profile of colours: what
// made it grey would convert it to sRGB.
func (l *plan) recolour(step pipeline.Step) bool {
	if l.grey && darkroom.SparesGrey(step) {
		return true
	}
	colours, ok := l.colours.stepped(step)
	if !ok || colours.clips() {
		return false
	}
	l.colours = colours
	if step.Op() == "grayscale" {
		l.grey = true
		return !l.profiled
	}
	return true
}

// order is the plan for an image; it is not ok if that cannot be had.
func (l *plan) order(image *coeff.Image) (o coeff.Order, ok bool) {
	o = coeff.Order{Region: l.view.region, Turn: l.view.turn, Restart: image.Restart}
	o.Colours, ok = l.colours.colours(l.grey)
	if !ok {
		return o, false
	}
	width, height := l.view.size()
	o.Optimal = width*height <= small
	if l.format != nil && !l.choose(&o, image) {
		return o, false
	}
	return o, image.Fits(o)
}

// small is how many pixels a result has at most for which codes of its own are
// made. They take 1.3 to 1.9 times as long, and 2 to 4 % off its bytes.
const small = 1 << 20

// choose does what a jpeg step asks for.
func (l *plan) choose(o *coeff.Order, image *coeff.Image) bool {
	q := l.format.Int("quality")
	bands := 3
	if l.grey {
		bands = 1
	}
	first := components(bands, l.format.Value("sampling"), q)[0]
	h, v := image.H, image.V
	if o.Turn.Transpose {
		h, v = v, h
	}
	o.Restart = 0
	o.Tables = &[2]coeff.Table{coeff.Table(tableOf(0, q)), coeff.Table(tableOf(1, q))}
	return l.format.Flag("progressive") == image.Progressive && (l.grey || int(first.H) == h && int(first.V) == v)
}
