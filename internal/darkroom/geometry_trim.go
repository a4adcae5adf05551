package darkroom

import (
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// trim cuts off what is of one colour at the edges, as far as that holds for
// all pages. Colours are compared as they are seen, multiplied by alpha. An
// image that is nothing but border stays as it is.
func trim(s *Sheet, step pipeline.Step) {
	s.settle()
	seen := *s // in the channels that the colour takes
	var border []float64
	if step.Given("colour") {
		border = seen.ink(step.Colour("colour")).premultiplied()
	} else {
		border = seen.multiplied(s.page(0).area(0, 0, 1, 1)).values()
	}
	var all box
	for i := range s.Pages {
		all = all.and(seen.beyond(seen.page(i), border, step.Float("threshold")/255*s.full()))
	}
	if s.tray.err == nil && all.width > 0 {
		s.cut(all)
	}
}

// beyond is the smallest part with everything whose colour is further away from
// the border's than the threshold, in any channel.
func (s *Sheet) beyond(p picture, border []float64, threshold float64) box {
	ones, minus := make([]float64, len(border)), make([]float64, len(border))
	for i, v := range border {
		ones[i], minus[i] = 1, -v
	}
	p = s.multiplied(p).call("linear", vips.Options{"a": ones, "b": minus}).call("abs", nil)
	p = p.call("relational_const", vips.Options{"relational": "more", "c": []float64{threshold}}).call("bandbool", vips.Options{"boolean": "or"})
	left, top, width, height := vips.Number{Name: "left"}, vips.Number{Name: "top"}, vips.Number{Name: "width"}, vips.Number{Name: "height"}
	p.as("b-w").measure("find_trim", vips.Options{"threshold": 1.0, "background": []float64{0}, "line_art": true}, &left, &top, &width, &height)
	return box{int(left.Value), int(top.Value), int(width.Value), int(height.Value)}
}

// and is the smallest part that has both in it; one without a width is none.
func (b box) and(c box) box {
	switch {
	case b.width == 0:
		return c
	case c.width == 0:
		return b
	}
	left, top := min(b.left, c.left), min(b.top, c.top)
	right, bottom := max(b.left+b.width, c.left+c.width), max(b.top+b.height, c.top+c.height)
	return box{left, top, right - left, bottom - top}
}

// values are those of a small picture of 8 or 16 bits.
func (p picture) values() (list []float64) {
	if p.tray.err != nil {
		return nil
	}
	data, err := p.Pixels()
	if err != nil {
		p.tray.fail(err)
		return nil
	}
	for _, v := range numbers(data, p.Bits()) {
		list = append(list, float64(v))
	}
	return list
}
