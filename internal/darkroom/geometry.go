package darkroom

import (
	"math"
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
	if s.lying() {
		s.Decoded(s.whole.height, s.whole.width)
	}
	if to > 1 {
		s.settle()
		s.Moved = true
		s.each(func(p picture) picture { return p.call("autorot", nil) })
	}
	s.annotate(func(p picture) { Forget(p.Image) })
}

// Forget removes an image's Exif orientation.
func Forget(image *vips.Image) {
	image.Remove("orientation")
	image.Remove("exif-ifd0-Orientation")
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
	turn(s, angle, step)
}

// turn turns about the middle, which stays in the middle of a canvas that holds
// all corners.
func turn(s *Sheet, angle float64, step pipeline.Step) {
	w, h := float64(s.Width()), float64(s.PageHeight())
	sin, cos := math.Sincos(angle * math.Pi / 180)
	width := math.Ceil(w*math.Abs(cos) + h*math.Abs(sin) - 1e-6)
	height := math.Ceil(w*math.Abs(sin) + h*math.Abs(cos) - 1e-6)
	if !s.judge(width, height) {
		return
	}
	background := s.fill(step)
	s.settle()
	s.each(func(p picture) picture {
		return s.premultiplied(p, func(p picture) picture {
			return p.call("affine", vips.Options{
				"matrix": []float64{cos, -sin, sin, cos}, "interpolate": "bicubic", "background": background.premultiplied(),
				"idx": 0.5 - w/2, "idy": 0.5 - h/2, "odx": width/2 - 0.5, "ody": height/2 - 0.5,
				"oarea": []int{0, 0, int(width), int(height)}, "premultiplied": true,
			})
		})
	})
}
