package darkroom

import "minilab/internal/vips"

// FusedFrom is the image that the last steps in a row were done on as one.
func FusedFrom(s *Sheet) *vips.Image {
	if s.mapped.to == s.Image {
		return s.mapped.from
	}
	return s.reordered.from
}
