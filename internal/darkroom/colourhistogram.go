package darkroom

import (
	"encoding/binary"
	"math"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// normalize stretches all channels by one table that makes the darkest
// brightness black and the lightest white, but for the share that may be lost.
func normalize(s *Sheet, step pipeline.Step) {
	h := s.histogram()
	if s.tray.err != nil {
		return
	}
	lost := h.total() * step.Float("clip") / 100
	black, white := h.above(lost), h.below(lost)
	if black < white {
		s.table(func(v float64) float64 { return s.full() * (v - black) / (white - black) })
	}
}

// equalize maps all channels by one table after which the brightnesses are
// spread as evenly as they can be.
func equalize(s *Sheet, _ pipeline.Step) {
	h := s.histogram()
	if s.tray.err != nil {
		return
	}
	darkest, total := h[int(h.above(0))], h.total()
	if total <= darkest {
		return // one brightness only, or nothing to be seen
	}
	sums := make([]float64, int(s.full())+1)
	sum := 0.0
	for v := range sums {
		if v < len(h) {
			sum += h[v]
		}
		sums[v] = max(sum-darkest, 0) / (total - darkest)
	}
	s.table(func(v float64) float64 { return s.full() * sums[int(v)] })
}

// histogram is how many pixels there are of each brightness, on all pages. With
// alpha they are weighted by it: what is invisible does not count.
type histogram []float64

func (s *Sheet) histogram() histogram {
	s.settle()
	y := s.brightness()
	var found picture
	if s.HasAlpha() {
		found = s.picture().band(s.Bands()-1, 1).call("hist_find_indexed", vips.Options{"index": y, "combine": "sum"})
	} else {
		found = y.call("hist_find", nil)
	}
	if s.tray.err != nil {
		return nil
	}
	data, err := found.Pixels()
	if err != nil {
		s.tray.fail(err)
		return nil
	}
	return counts(data, found.Bits())
}

// brightness is a picture of one channel.
func (s *Sheet) brightness() picture {
	p := s.picture()
	if s.HasAlpha() {
		p = p.band(0, s.Bands()-1)
	}
	if s.Bands() < 3 || s.tray.err != nil {
		return p
	}
	image, err := p.Mix([][5]float64{brightnessRow})
	return s.tray.picture(image, err, p)
}

// counts reads whole numbers of 32 bits, or floating point ones of 64.
func counts(data []byte, bits int) (h histogram) {
	for ; len(data) > 0; data = data[bits/8:] {
		if bits == 32 {
			h = append(h, float64(binary.LittleEndian.Uint32(data)))
		} else {
			h = append(h, math.Float64frombits(binary.LittleEndian.Uint64(data)))
		}
	}
	return h
}

func (h histogram) total() (sum float64) {
	for _, n := range h {
		sum += n
	}
	return sum
}

// above is the largest value that no more pixels are darker than.
func (h histogram) above(lost float64) float64 {
	sum := 0.0
	for v, n := range h {
		if sum += n; sum > lost {
			return float64(v)
		}
	}
	return 0
}

// below is the smallest value that no more pixels are lighter than.
func (h histogram) below(lost float64) float64 {
	sum := 0.0
	for v := len(h) - 1; v >= 0; v-- {
		if sum += h[v]; sum > lost {
			return float64(v)
		}
	}
	return 0
}
