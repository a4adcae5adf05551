package darkroom

import (
	"math"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// ink is a colour in the channels of a sheet, and at its depth.
type ink struct {
	values []float64
	full   float64
	alpha  bool // the last channel
}

// fill is the colour of the parameter background. The sheet gets the channels
// that this takes: red, green and blue for what is not grey, alpha for what is
// not opaque.
func (s *Sheet) fill(step pipeline.Step) ink { return s.ink(step.Colour("background")) }

func (s *Sheet) ink(c [4]uint8) ink {
	s.suit(c)
	if c[3] < 255 {
		s.transparent()
	}
	list := []uint8{c[0]}
	if s.Bands() >= 3 {
		list = []uint8{c[0], c[1], c[2]}
	}
	if s.HasAlpha() {
		list = append(list, c[3])
	}
	i := ink{full: s.full(), alpha: s.HasAlpha()}
	for _, v := range list {
		i.values = append(i.values, float64(v)/255*s.full())
	}
	return i
}

// premultiplied is the ink among colours that are multiplied by alpha.
func (i ink) premultiplied() []float64 {
	out := append([]float64(nil), i.values...)
	if i.alpha {
		last := len(out) - 1
		for k := range last {
			out[k] *= out[last] / i.full
		}
	}
	return out
}

// transparent gives the sheet alpha, opaque everywhere, if it has none.
func (s *Sheet) transparent() {
	if s.HasAlpha() {
		return
	}
	settled := s.settled
	s.set(s.picture().call("bandjoin_const", vips.Options{"c": []float64{s.full()}}))
	s.settled = settled
}

// canvas puts every page on a larger one, its upper left corner at left, top.
// The mode is background, copy, mirror or repeat.
func (s *Sheet) canvas(left, top, width, height int, mode string, background ink) {
	if left == 0 && top == 0 && width == s.Width() && height == s.PageHeight() {
		return
	}
	if mode == "mirror" || mode == "repeat" {
		s.settle() // the first rows show what is in the last ones
	}
	s.each(func(p picture) picture {
		o := vips.Options{"x": left, "y": top, "width": width, "height": height, "extend": mode}
		if mode == "background" {
			o["background"] = background.values
		}
		return p.call("embed", o)
	})
}

// extend puts the image on a canvas that is at least as large as it is.
func extend(s *Sheet, step pipeline.Step) {
	width, height := max(step.Int("width"), s.Width()), max(step.Int("height"), s.PageHeight())
	s.stand(width, height, step)
}

// stand puts the image on a canvas of that size, where its gravity draws it.
func (s *Sheet) stand(width, height int, step pipeline.Step) {
	if width == s.Width() && height == s.PageHeight() || !s.judge(float64(width), float64(height)) {
		return
	}
	left, top := place(step.Value("gravity"), width-s.Width(), height-s.PageHeight())
	s.canvas(left, top, width, height, "background", s.fill(step))
}

// pad adds space at the edges. A percentage is of the width for the left and
// the right edge, of the height for the others.
func pad(s *Sheet, step pipeline.Step) {
	w, h := s.Width(), s.PageHeight()
	left, right := whole(step.Pixels("left", w)), whole(step.Pixels("right", w))
	top, bottom := whole(step.Pixels("top", h)), whole(step.Pixels("bottom", h))
	if !s.judge(float64(w+left+right), float64(h+top+bottom)) || left+right+top+bottom == 0 {
		return
	}
	mode := step.Value("mode")
	var background ink
	if mode == "background" {
		background = s.fill(step)
	}
	s.canvas(left, top, w+left+right, h+top+bottom, mode, background)
}

// whole rounds to whole pixels, halves up.
func whole(length float64) int { return int(math.Floor(length + 0.5)) }

// place is where something stands that has so much room to be moved in: in the
// middle, rounded to the upper left, or at the edges that the gravity names.
func place(gravity string, roomX, roomY int) (left, top int) {
	left, top = roomX/2, roomY/2
	switch gravity {
	case "west", "northwest", "southwest":
		left = 0
	case "east", "northeast", "southeast":
		left = roomX
	}
	switch gravity {
	case "north", "northwest", "northeast":
		top = 0
	case "south", "southwest", "southeast":
		top = roomY
	}
	return left, top
}
