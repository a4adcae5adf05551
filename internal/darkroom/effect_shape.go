package darkroom

import (
	"encoding/binary"
	"math"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// pixelate gives every square of the box the mean of its pixels. Squares that
// the lower or right edge cuts are filled up with what is at that edge.
func pixelate(s *Sheet, step pipeline.Step) {
	size, w, h := step.Int("size"), s.Width(), s.PageHeight()
	b := box{left: whole(step.Pixels("x", w)), top: whole(step.Pixels("y", h))}
	if !s.within(b.left, b.top) {
		return
	}
	b.width = extent(step.Pixels("width", w), w-b.left, step.Value("width"))
	b.height = extent(step.Pixels("height", h), h-b.top, step.Value("height"))
	s.settle()
	s.each(func(p picture) picture {
		squares := s.premultiplied(p.area(b.left, b.top, b.width, b.height), func(p picture) picture {
			return s.means(p, size, 0).zoom(size).area(0, 0, b.width, b.height)
		})
		return p.tray.insert(p, squares, b.left, b.top)
	})
}

// zoom repeats every pixel n x n times.
func (p picture) zoom(n int) picture {
	if p.tray.err != nil {
		return p
	}
	return p.tray.make("zoom", vips.Options{"input": p, "xfac": n, "yfac": n})
}

func (t *Tray) insert(main, sub picture, left, top int) picture {
	return t.make("insert", vips.Options{"main": main, "sub": sub, "x": left, "y": top})
}

// vignette multiplies colours by 1 - amount · t²(3 - 2t), where t goes from 0
// at start to 1 in the corners, along ellipses of the image's shape.
func vignette(s *Sheet, step pipeline.Step) {
	amount, start := step.Float("amount"), step.Float("start")
	if start == 1 {
		return
	}
	var light []float64 // by the square of the distance from the middle
	for i := range 1 << 16 {
		t := max(math.Sqrt(float64(i)/65535)-start, 0) / (1 - start)
		light = append(light, 1-amount*t*t*(3-2*t))
	}
	mask := s.tray.ellipses(s.Width(), s.PageHeight()).call("maplut", vips.Options{"lut": s.tray.row(light)})
	s.each(func(p picture) picture {
		return s.besideAlpha(p, func(p picture) picture { return s.round(p.with("multiply", mask)) })
	})
}

// ellipses has for every pixel the square of how far it is from the middle, on
// the way to a corner, which has 65535.
func (t *Tray) ellipses(width, height int) picture {
	w, h := float64(width), float64(height)
	p := t.make("xyz", vips.Options{"width": width, "height": height})
	p = p.call("linear", vips.Options{"a": []float64{2 / w, 2 / h}, "b": []float64{1/w - 1, 1/h - 1}})
	p = p.with("multiply", p).call("bandmean", nil)
	p = p.call("linear", vips.Options{"a": []float64{65535}, "b": []float64{0.5}})
	return p.call("cast", vips.Options{"format": "ushort"})
}

// roundOff makes the corners transparent, or the background's colour, outside of
// a circle. A pixel that the circle goes through is covered as far as its middle
// is within a pixel of it.
func roundOff(s *Sheet, step pipeline.Step) {
	shorter := min(s.Width(), s.PageHeight())
	radius := min(step.Pixels("radius", shorter), float64(shorter)/2)
	if radius < 0.5 {
		return
	}
	c := step.Colour("background")
	s.suit(c)
	s.transparent()
	mask := s.corners(radius)
	s.each(func(p picture) picture {
		n := p.Bands() - 1
		alpha := p.band(n, 1).with("multiply", mask).call("linear", vips.Options{"a": []float64{1 / s.full()}, "b": []float64{0}})
		return p.band(0, n).join(s.round(alpha))
	})
	s.under(c)
}

// corners is a page's mask with round corners.
func (s *Sheet) corners(radius float64) picture {
	n := int(math.Ceil(radius))
	var data []byte
	for y := range n {
		for x := range n {
			away := math.Hypot(radius-float64(x)-0.5, radius-float64(y)-0.5)
			v := whole(min(max(radius-away+0.5, 0), 1) * s.full())
			if s.deep() {
				data = binary.LittleEndian.AppendUint16(data, uint16(v))
			} else {
				data = append(data, byte(v))
			}
		}
	}
	bytes := len(data) / n / n
	corner := s.tray.pixels(data, n, n, 1, bytes)
	w, h := s.Width(), s.PageHeight()
	mask := s.tray.pixels([]byte{255, 255}[:bytes], 1, 1, 1, bytes)
	mask = mask.call("embed", vips.Options{"x": 0, "y": 0, "width": w, "height": h, "extend": "copy"})
	mask = s.tray.insert(mask, corner, 0, 0)
	mask = s.tray.insert(mask, flipped("horizontal")(corner), w-n, 0)
	corner = flipped("vertical")(corner)
	mask = s.tray.insert(mask, corner, 0, h-n)
	return s.tray.insert(mask, flipped("horizontal")(corner), w-n, h-n)
}
