package darkroom

import (
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

var geometryOperations = map[string]operation{
	"flip": func(s *Sheet, _ pipeline.Step) { s.settle(); s.each(flipped("vertical")) },
	"flop": func(s *Sheet, _ pipeline.Step) { s.each(flipped("horizontal")) },
}

func flipped(direction string) func(picture) picture {
	return func(p picture) picture { return p.call("flip", vips.Options{"direction": direction}) }
}

// upright turns the image by its Exif orientation, which it then has no more.
func (s *Sheet) upright() {
	to, ok := s.Int("orientation")
	if !ok {
		return
	}
	if to > 1 {
		s.settle()
		s.Moved = true
		s.each(func(p picture) picture { return p.call("autorot", nil) })
	}
	p := s.picture().call("copy", nil)
	p.Remove("orientation")
	p.Remove("exif-ifd0-Orientation")
	settled := s.settled
	s.set(p)
	s.settled = settled
}
