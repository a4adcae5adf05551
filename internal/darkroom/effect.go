package darkroom

import (
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

var effectOperations = map[string]operation{
	"blur":     blur,
	"sharpen":  sharpen,
	"median":   median,
	"pixelate": pixelate,
	"vignette": vignette,
	"round":    roundOff,
	"shadow":   shadow,
}

func blur(s *Sheet, step pipeline.Step) {
	sigma := step.Float("sigma")
	s.settle()
	s.each(func(p picture) picture {
		return s.premultiplied(p, func(p picture) picture { return s.gaussian(p, sigma) })
	})
}

// sharpen adds to every channel amount times (Y - B): Y is the pixel's
// brightness, B the mean of the brightness around it, weighed by a Gaussian and,
// where there is alpha, by that.
func sharpen(s *Sheet, step pipeline.Step) {
	sigma, amount := step.Float("sigma"), step.Float("amount")
	s.settle()
	s.each(func(p picture) picture {
		return s.besideAlpha(p, func(colours picture) picture {
			y := colours.luma()
			edges := y.with("subtract", s.around(y, p, sigma)).call("linear", vips.Options{"a": []float64{amount}, "b": []float64{0}})
			return s.round(colours.with("add", edges))
		})
	})
}

// luma is the brightness of a picture without alpha, in floating point numbers.
func (p picture) luma() picture {
	if p.Bands() < 3 {
		return p.call("cast", vips.Options{"format": "float"})
	}
	return p.call("recomb", vips.Options{"m": p.tray.row(vips.Weights[:])})
}

// around is the mean of y around each pixel; p has the alpha to weigh it by.
func (s *Sheet) around(y, p picture, sigma float64) picture {
	mask := p.tray.row(gaussianMask(sigma, 0))
	blurred := func(p picture) picture {
		return p.call("convsep", vips.Options{"mask": mask, "precision": "float"})
	}
	if !s.HasAlpha() {
		return blurred(y)
	}
	weighed := y.join(p.band(p.Bands()-1, 1))
	weighed = blurred(weighed.call("premultiply", vips.Options{"max_alpha": s.full()}))
	return weighed.call("unpremultiply", vips.Options{"max_alpha": s.full()}).band(0, 1)
}

// median gives each channel the median of the square around it. Beyond the edge
// is what is at it.
func median(s *Sheet, step pipeline.Step) {
	radius := step.Int("radius")
	n := 2*radius + 1
	s.settle()
	s.each(func(p picture) picture {
		return s.premultiplied(p, func(p picture) picture {
			w, h := p.Width(), p.Height()
			p = p.call("embed", vips.Options{"x": radius, "y": radius, "width": w + 2*radius, "height": h + 2*radius, "extend": "copy"})
			return p.call("rank", vips.Options{"width": n, "height": n, "index": n * n / 2}).area(radius, radius, w, h)
		})
	})
}
