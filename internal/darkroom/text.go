package darkroom

import (
	"image"

	"minilab/internal/pipeline"
)

// maxLetters is the largest size of letters in pixels, whatever an image's
// height has a percentage mean.
const maxLetters = 2000

// text writes over every page.
func text(s *Sheet, step pipeline.Step) {
	size := min(max(step.Pixels("size", s.PageHeight()), 1), maxLetters)
	face, err := faceOf(step.Value("font"), size)
	if err != nil {
		s.tray.fail(err)
		return
	}
	t := newTypeset(face, step.Value("text"), whole(step.Pixels("width", s.Width())))
	margin := 0
	if step.Given("box") {
		margin = whole(size / 4)
	}
	w, h := t.width+2*margin, t.height+2*margin
	left, top := s.spot(step, w, h)
	if step.Given("box") {
		s.box(image.Rect(left, top, left+w, top+h), step.Colour("box"))
	}
	s.write(t, step.Value("align"), image.Pt(left+margin, top+margin), step.Colour("colour"))
}

// bounds is where a page is from its own upper left corner.
func (s *Sheet) bounds() image.Rectangle { return image.Rect(0, 0, s.Width(), s.PageHeight()) }

// box lays a rectangle over every page, as much of it as is on the page.
func (s *Sheet) box(r image.Rectangle, c [4]uint8) {
	r = r.Intersect(s.bounds())
	if r.Empty() || c[3] == 0 {
		return
	}
	s.suit(c)
	s.lay(overlay{picture: s.flat(c, true, r.Dx(), r.Dy()), left: r.Min.X, top: r.Min.Y, mode: "over", opacity: 1})
}

// write draws as much of a text whose upper left corner is at a place as is on
// the page.
func (s *Sheet) write(t typeset, align string, at image.Point, c [4]uint8) {
	area := t.reach().Add(at).Intersect(s.bounds())
	if area.Empty() || c[3] == 0 {
		return
	}
	mask := t.draw(align, area.Sub(at))
	s.suit(c)
	shape := s.tray.pixels(mask.Pix, area.Dx(), area.Dy(), 1, 1)
	s.lay(overlay{picture: s.painted(shape, c), left: area.Min.X, top: area.Min.Y, mode: "over", opacity: 1})
}
