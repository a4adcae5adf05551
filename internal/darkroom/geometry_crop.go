package darkroom

import (
	"slices"

	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// box is a part of a page.
type box struct{ left, top, width, height int }

// cut keeps only that part of each page.
func (s *Sheet) cut(b box) {
	if b == (box{0, 0, s.Width(), s.PageHeight()}) {
		return
	}
	s.each(func(p picture) picture { return p.area(b.left, b.top, b.width, b.height) })
}

// crop cuts a part out. What is asked for beyond the image is left out; a part
// that begins beyond it is an error.
func crop(s *Sheet, step pipeline.Step) {
	w, h := s.Width(), s.PageHeight()
	b := asked(step, w, h)
	if s.within(b.left, b.top) {
		s.cut(s.placed(sized(b, step, w, h), step))
	}
}

// Part is what a crop leaves of a page of that size. It is not ok if it begins
// beyond the page, or if what is to be seen there decides.
func Part(step pipeline.Step, width, height int) (left, top, w, h int, ok bool) {
	b := asked(step, width, height)
	if b.left >= width || b.top >= height {
		return 0, 0, 0, 0, false
	}
	b = sized(b, step, width, height)
	if looks(step) {
		return 0, 0, 0, 0, false
	}
	b = arranged(b, step, width, height)
	return b.left, b.top, b.width, b.height, true
}

// asked is where a crop begins, as far as that is said.
func asked(step pipeline.Step, width, height int) box {
	return box{left: whole(step.Pixels("x", width)), top: whole(step.Pixels("y", height))}
}

// sized is a box with the size that a crop asks for, as far as there is room.
func sized(b box, step pipeline.Step, width, height int) box {
	b.width = extent(step.Pixels("width", width), width-b.left, step.Value("width"))
	b.height = extent(step.Pixels("height", height), height-b.top, step.Value("height"))
	if aspect := step.Floats("aspect"); aspect != nil {
		b.width, b.height = shaped(b.width, b.height, aspect[0], aspect[1])
	}
	return b
}

// within fails the job if a box that begins there has nothing of the image in it.
func (s *Sheet) within(left, top int) bool {
	if left < s.Width() && top < s.PageHeight() {
		return true
	}
	s.tray.fail(wire.ErrOperation.Detailf("the part at %d,%d lies outside of the image, which has %d x %d pixels at this point",
		left, top, s.Width(), s.PageHeight()))
	return false
}

// extent is a length that is asked for, as far as there is room. Nothing or 0
// is all there is.
func extent(length float64, room int, text string) int {
	if text == "0" {
		return room
	}
	return min(max(whole(length), 1), room)
}

// shaped is the largest size of that shape within a size.
func shaped(width, height int, across, down float64) (w, h int) {
	if float64(width)*down <= float64(height)*across {
		return width, max(whole(float64(width)*down/across), 1)
	}
	return max(whole(float64(height)*across/down), 1), height
}

// looks says that a crop goes by what is to be seen.
func looks(step pipeline.Step) bool {
	if step.Given("x") && step.Given("y") || step.Floats("focal") != nil {
		return false
	}
	return slices.Contains([]string{"smart", "attention", "entropy"}, step.Value("gravity"))
}

// placed moves a box along the axes that no edge was given for.
func (s *Sheet) placed(b box, step pipeline.Step) box {
	if !looks(step) {
		return arranged(b, step, s.Width(), s.PageHeight())
	}
	left, top := s.draw(step.Value("gravity"), b, s.Width()-b.width, s.PageHeight()-b.height)
	return b.moved(step, left, top)
}

// arranged is placed for crops that do not look at the image.
func arranged(b box, step pipeline.Step, width, height int) box {
	if focal := step.Floats("focal"); focal != nil {
		return b.moved(step, middle(focal[0], width, b.width), middle(focal[1], height, b.height))
	}
	left, top := place(step.Value("gravity"), width-b.width, height-b.height)
	return b.moved(step, left, top)
}

// moved is a box at other edges than were given.
func (b box) moved(step pipeline.Step, left, top int) box {
	if !step.Given("x") {
		b.left = left
	}
	if !step.Given("y") {
		b.top = top
	}
	return b
}

// middle is where a length begins that has a point, from 0 to 1, in its middle,
// or as near to it as the room allows.
func middle(point float64, of, length int) int {
	return min(max(whole(point*float64(of)-float64(length)/2), 0), of-length)
}

// draw is where a box lies that its gravity draws. Of several pages the first
// one tells for all.
func (s *Sheet) draw(gravity string, b box, roomX, roomY int) (left, top int) {
	switch gravity {
	case "smart", "attention":
		return s.interesting("attention", b)
	case "entropy":
		return s.interesting("entropy", b)
	}
	return place(gravity, roomX, roomY)
}

// interesting asks the library for the most interesting part of that size.
func (s *Sheet) interesting(by string, b box) (left, top int) {
	if b.width == s.Width() && b.height == s.PageHeight() {
		return 0, 0
	}
	s.settle()
	part := s.tray.make("smartcrop", vips.Options{"input": s.page(0), "width": b.width, "height": b.height, "interesting": by})
	if s.tray.err != nil {
		return 0, 0
	}
	x, _ := part.Int("xoffset") // a part tells where it lies in the whole, negatively
	y, _ := part.Int("yoffset")
	return -x, -y
}
