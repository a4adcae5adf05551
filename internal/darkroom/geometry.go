package darkroom

import (
	"strconv"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

var geometryOperations = map[string]operation{
	"resize": resize,
	"crop":   crop,
	"trim":   trim,
	"extend": extend,
	"pad":    pad,
	"rotate": rotate,
	"flip":   func(s *Sheet, _ pipeline.Step) { s.settle(); s.each(flipped("vertical")) },
	"flop":   func(s *Sheet, _ pipeline.Step) { s.each(flipped("horizontal")) },
	"orient": orient,
}

func flipped(direction string) func(picture) picture {
	return func(p picture) picture { return p.call("flip", vips.Options{"direction": direction}) }
}

func orient(s *Sheet, step pipeline.Step) {
	switch to := step.Value("to"); to {
	case "auto":
		s.upright()
	case "none":
		s.orientation(1)
		s.upright()
	default:
		n, _ := strconv.Atoi(to)
		s.orientation(n)
		s.upright()
	}
}

// orientation notes another Exif orientation, without turning anything.
func (s *Sheet) orientation(n int) {
	if s.tray.err == nil {
		s.annotate(func(p picture) { p.SetInt("orientation", n) })
	}
}

// upright turns the image by its Exif orientation, which it then has no more.
func (s *Sheet) upright() {
	to, ok := s.Int("orientation")
	if !ok || s.tray.err != nil {
		return
	}
	if to > 1 {
		s.settle()
		s.Moved = true
		s.each(func(p picture) picture { return p.call("autorot", nil) })
	}
	s.annotate(func(p picture) {
		p.Remove("orientation")
		p.Remove("exif-ifd0-Orientation")
	})
}

// lying says that the image will be turned by a quarter when it is turned
// upright: its width will be its height.
func (s *Sheet) lying() bool {
	to, _ := s.Int("orientation")
	return to >= 5
}

// rotate turns the image clockwise.
func rotate(s *Sheet, step pipeline.Step) {
	angle := step.Float("angle")
	switch angle {
	case 0, 360, -360:
		return
	case 90, -270, 180, -180, 270, -90:
		quarters := (int(angle)/90 + 4) % 4
		s.settle()
		s.each(func(p picture) picture { return p.call("rot", vips.Options{"angle": "d" + strconv.Itoa(quarters*90)}) })
		return
	}
	width, height := turned(s.Width(), s.PageHeight(), angle)
	if !s.judge(width, height) {
		return
	}
	background := s.fill(step)
	s.settle()
	s.each(func(p picture) picture {
		return s.premultiplied(p, func(p picture) picture {
			return p.call("similarity", vips.Options{"angle": angle, "interpolate": "bicubic", "background": background.premultiplied()})
		})
	})
}
