package darkroom

import (
	"strings"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

var colourOperations = map[string]operation{
	"swap":       swap,
	"channel":    channel,
	"matrix":     matrix,
	"grayscale":  func(s *Sheet, _ pipeline.Step) { s.grayscale() },
	"sepia":      sepia,
	"duotone":    duotone,
	"tint":       tint,
	"invert":     invert,
	"brightness": brightness,
	"contrast":   contrast,
	"saturation": saturation,
	"hue":        hue,
	"gamma":      gamma,
	"levels":     levels,
	"curves":     curves,
	"normalize":  normalize,
	"equalize":   equalize,
	"threshold":  threshold,
	"posterize":  posterize,
	"profile":    profile,
}

// reordered is swaps in a row, done as one.
type reordered struct {
	from, to *vips.Image // before all of them, and after
	order    [3]int
}

func swap(s *Sheet, step pipeline.Step) {
	if s.Bands() < 3 {
		return // grey stays grey
	}
	r := reordered{from: s.Image, order: [3]int{0, 1, 2}}
	if s.reordered.to == s.Image {
		r = s.reordered
	}
	before := r.order
	for i, channel := range step.Value("order") {
		r.order[i] = before[strings.IndexRune("rgb", channel)]
	}
	image, err := r.from.Swap(r.order)
	s.set(s.tray.picture(image, err, s.picture()))
	r.to = s.Image
	s.reordered = r
}

// channel makes one channel a grey image. Alpha stays, unless it is the one.
func channel(s *Sheet, step pipeline.Step) {
	name := step.Value("name")
	switch i := strings.Index("rgb", name[:1]); {
	case name == "alpha" && s.HasAlpha():
		s.set(s.picture().band(s.Bands()-1, 1))
	case name == "alpha":
		s.set(s.picture().band(0, 1))
		s.table(func(float64) float64 { return s.full() })
	case s.Bands() < 3:
		return // grey has the same in each
	default:
		s.colours(func(p picture) picture { return p.band(i, 1) })
	}
	s.set(s.picture().as(s.grey()))
	s.plainGrey()
}

// grayscale is how bright a pixel is: the sum of its channels as they are
// coded, weighted as in W3C's Filter Effects. It is a point-wise operation that
// agrees with saturation:0 and with what browsers do.
func (s *Sheet) grayscale() {
	if s.Bands() >= 3 {
		s.mix([][5]float64{brightnessRow})
		s.plainGrey()
	}
}
