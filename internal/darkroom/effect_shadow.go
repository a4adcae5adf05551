package darkroom

import (
	"math"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// shadow lays the image over its own shape in a colour, blurred and moved. The
// canvas grows by what of it, as far as three standard deviations, would stand
// beyond the image.
func shadow(s *Sheet, step pipeline.Step) {
	sigma, x, y := step.Float("sigma"), step.Int("x"), step.Int("y")
	reach := int(math.Ceil(3 * sigma))
	left, right := max(reach-x, 0), max(reach+x, 0)
	top, bottom := max(reach-y, 0), max(reach+y, 0)
	if !s.judge(float64(s.Width()+left+right), float64(s.PageHeight()+top+bottom)) {
		return
	}
	c, behind := step.Colour("colour"), step.Colour("background")
	s.suit(c)
	s.transparent()
	s.canvas(left, top, s.Width()+left+right, s.PageHeight()+top+bottom, "background", s.ink([4]uint8{}))
	s.settle()
	s.each(func(p picture) picture {
		shape := p.band(p.Bands()-1, 1).call("embed", vips.Options{"x": x, "y": y, "width": p.Width(), "height": p.Height()})
		return s.over(p, s.softened(shape, sigma), s.ink(c))
	})
	s.under(behind)
}

func (s *Sheet) softened(p picture, sigma float64) picture {
	if sigma < 0.3 {
		return p
	}
	return s.gaussian(p, sigma)
}

// over lays a picture over a colour in the shape of a mask.
func (s *Sheet) over(p, mask picture, c ink) picture {
	p = p.call("premultiply", vips.Options{"max_alpha": s.full()})
	n := p.Bands()
	uncovered := p.band(n-1, 1).call("linear", vips.Options{"a": []float64{-1 / s.full()}, "b": []float64{1}})
	paint := c.premultiplied()
	for i := range paint {
		paint[i] /= s.full()
	}
	below := mask.call("linear", vips.Options{"a": paint, "b": make([]float64, n)})
	p = p.with("add", below.with("multiply", uncovered))
	return s.round(p.call("unpremultiply", vips.Options{"max_alpha": s.full()}))
}
