package darkroom

import (
	"slices"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

var composeOperations = map[string]operation{
	"watermark":  watermark,
	"text":       text,
	"border":     border,
	"background": background,
}

// overlay is what is laid over each page: its colour channels are the sheet's,
// at the sheet's depth, and it has alpha.
type overlay struct {
	picture
	left, top int // of its upper left corner on the page
	mode      string
	opacity   float64
}

// lay lays it over every page. The picture is in memory, or small.
func (s *Sheet) lay(o overlay) {
	s.each(func(p picture) picture {
		if p.tray.err != nil {
			return p
		}
		image, err := p.Blend(o.Image, o.left, o.top, o.mode, o.opacity)
		return p.tray.picture(image, err, p)
	})
}

// spot is where on a page something of a size stands: at its gravity, and then
// the offsets away from the edge, or from the middle to the right and down.
func (s *Sheet) spot(step pipeline.Step, width, height int) (left, top int) {
	roomX, roomY := s.Width()-width, s.PageHeight()-height
	left, top = place(step.Value("gravity"), roomX, roomY)
	x, y := whole(step.Pixels("x", s.Width())), whole(step.Pixels("y", s.PageHeight()))
	switch step.Value("gravity") {
	case "east", "northeast", "southeast":
		x = -x
	}
	switch step.Value("gravity") {
	case "south", "southwest", "southeast":
		y = -y
	}
	return left + x, top + y
}

// flat is a picture of one colour in the sheet's channels and depth, with alpha
// or without. The sheet must have colour if the colour has.
func (s *Sheet) flat(c [4]uint8, alpha bool, width, height int) picture {
	values := c[:1]
	if s.Bands() >= 3 {
		values = c[:3]
	}
	if alpha {
		values = append(slices.Clip(values), c[3])
	}
	data, bytes := values, 1
	if s.deep() {
		data, bytes = nil, 2
		for _, v := range values {
			data = append(data, v, v) // 257 times as much
		}
	}
	p := s.tray.pixels(data, 1, 1, len(values), bytes)
	return s.round(p.call("embed", vips.Options{"x": 0, "y": 0, "width": width, "height": height, "extend": "copy"}))
}

// painted is a colour in the shape of a mask of one channel, 0 to 255: what an
// overlay is. The sheet must have colour if the colour has.
func (s *Sheet) painted(mask picture, c [4]uint8) picture {
	shape := mask.call("linear", vips.Options{"a": []float64{float64(c[3]) / 255 * s.full() / 255}, "b": []float64{0}})
	return s.flat(c, false, mask.Width(), mask.Height()).join(s.round(shape))
}

// suit gives the sheet colour if this one is not grey.
func (s *Sheet) suit(c [4]uint8) {
	if c[3] > 0 && (c[0] != c[1] || c[1] != c[2]) {
		s.coloured()
	}
}

// border puts a frame around every page.
func border(s *Sheet, step pipeline.Step) {
	width := whole(step.Pixels("width", min(s.Width(), s.PageHeight())))
	w, h := s.Width()+2*width, s.PageHeight()+2*width
	if width == 0 || !s.judge(float64(w), float64(h)) {
		return
	}
	s.canvas(width, width, w, h, "background", s.ink(step.Colour("colour")))
}

// background puts a colour behind what is transparent.
func background(s *Sheet, step pipeline.Step) { s.under(step.Colour("colour")) }

// under puts a colour behind what is transparent. Where the colour is not
// opaque either, the sheet keeps alpha.
func (s *Sheet) under(c [4]uint8) {
	if !s.HasAlpha() || c[3] == 0 {
		return
	}
	s.suit(c)
	behind := s.flat(c, c[3] < 255, s.Width(), s.Height())
	if s.tray.err == nil {
		image, err := behind.Blend(s.Image, 0, 0, "over", 1) // which has the metadata of both
		s.set(s.tray.picture(image, err, behind))
	}
}
