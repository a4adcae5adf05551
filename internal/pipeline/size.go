package pipeline

import (
	"strconv"
	"strings"
)

// CheckSize is ErrInvalid when a step asks for more than limit pixels, whatever
// the image. What depends on the image is judged by who has decoded it.
func (p Pipeline) CheckSize(limit int64) error {
	for i, s := range p {
		width, height, ok := s.size()
		if ok && width*height > float64(limit) {
			return ErrInvalid.Detailf("at operation %d: %s makes %.0fx%.0f pixels, %.0f in all, expected at most %d",
				i+1, s.Op(), width, height, width*height, limit)
		}
	}
	return nil
}

// size is what a step surely makes, in pixels, or at least.
func (s Step) size() (width, height float64, ok bool) {
	switch s.Op() {
	case "resize":
		scale := s.Float("dpr")
		width, height = scale*float64(s.Int("width")), scale*float64(s.Int("height"))
		fit := s.Value("fit")
		return width, height, fit == "contain" || fit != "inside" && s.Flag("enlarge")
	case "extend":
		return float64(s.Int("width")), float64(s.Int("height")), true
	case "pad":
		return 1 + s.absolute("left") + s.absolute("right"), 1 + s.absolute("top") + s.absolute("bottom"), true
	}
	return 0, 0, false
}

// absolute is the value of a Length that is given in pixels, else 0.
func (s Step) absolute(name string) float64 {
	v := s.Value(name)
	if strings.HasSuffix(v, "p") {
		return 0
	}
	n, _ := strconv.ParseFloat(v, 64)
	return n
}
