package darkroom

import (
	"strings"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

var colourOperations = map[string]operation{
	"swap":      swap,
	"grayscale": func(s *Sheet, _ pipeline.Step) { s.grayscale() },
	"invert":    func(s *Sheet, _ pipeline.Step) { s.table(func(v float64) float64 { return 1 - v }) },
}

func swap(s *Sheet, step pipeline.Step) {
	if s.Bands() < 3 {
		return // grey stays grey
	}
	var from [3]int
	for i, channel := range step.Value("order") {
		from[i] = strings.IndexRune("rgb", channel)
	}
	image, err := s.Swap(from)
	s.set(s.tray.picture(image, err, s.picture()))
}

func (s *Sheet) grayscale() {
	if s.Bands() >= 3 {
		s.set(s.picture().call("colourspace", vips.Options{"space": s.grey()}))
	}
}

// table maps each value of each colour channel, from 0 to 1, through f.
func (s *Sheet) table(f func(v float64) float64) {
	full := int(s.full())
	bytes := 1
	if s.deep() {
		bytes = 2
	}
	data := make([]byte, 0, (full+1)*bytes)
	for v := range full + 1 {
		out := uint16(min(max(f(float64(v)/s.full()), 0), 1)*s.full() + 0.5)
		data = append(data, byte(out))
		if s.deep() {
			data = append(data, byte(out>>8)) // little endian, as are the machines that this runs on
		}
	}
	lut := s.tray.pixels(data, full+1, 1, 1, bytes)
	s.colours(func(p picture) picture { return p.call("maplut", vips.Options{"lut": lut}) })
}
