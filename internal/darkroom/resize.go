package darkroom

import (
	"math"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// resizing is what becomes of an upright page: its pixels are scaled to a size,
// and what hangs over a frame is cut off, or what is missing to it is filled.
type resizing struct {
	width, height           int // of the scaled image
	frameWidth, frameHeight int // of the result
}

// resize scales the image. One that lies on its side is scaled as it lies, and
// turned once it is small.
func resize(s *Sheet, step pipeline.Step) {
	w, h := s.fullSize()
	if s.lying() {
		w, h = h, w
	}
	r := planned(step, w, h)
	if !s.judge(float64(r.width), float64(r.height)) || !s.judge(float64(r.frameWidth), float64(r.frameHeight)) {
		return
	}
	width, height := r.width, r.height
	if s.lying() {
		width, height = height, width
	}
	s.scale(width, height, step.Value("kernel"), step.Flag("linear"))
	s.Decoded(0, 0)
	s.upright()
	switch step.Value("fit") {
	case "cover":
		b := box{width: r.frameWidth, height: r.frameHeight}
		b.left, b.top = s.draw(step.Value("gravity"), b, r.width-b.width, r.height-b.height)
		s.cut(b)
	case "contain":
		s.stand(r.frameWidth, r.frameHeight, step)
	}
}

// planned says what becomes of an image of that size.
func planned(step pipeline.Step, w, h int) resizing {
	dpr := step.Float("dpr")
	width, height := float64(step.Int("width"))*dpr, float64(step.Int("height"))*dpr
	fit := step.Value("fit")
	if width == 0 || height == 0 {
		fit = "inside"
	}
	o := original{float64(w), float64(h), step.Flag("enlarge")}
	switch fit {
	case "cover":
		return o.cover(width, height)
	case "fill":
		width, height = o.shrunk(width, height)
		return exactly(width, height)
	case "contain":
		r := o.inside(width, height)
		r.frameWidth, r.frameHeight = pixels(width), pixels(height)
		return r
	}
	return o.inside(width, height)
}

// original is the size of an image that is to be resized.
type original struct {
	w, h    float64
	enlarge bool
}

// inside is the largest size of the image's shape within a size; a side of 0
// does not count.
func (o original) inside(width, height float64) resizing {
	byWidth := height == 0 || width != 0 && width*o.h <= height*o.w
	switch {
	case !o.enlarge && (byWidth && width >= o.w || !byWidth && height >= o.h):
		return exactly(o.w, o.h)
	case byWidth:
		return exactly(width, o.h*width/o.w)
	}
	return exactly(o.w*height/o.h, height)
}

// cover is the smallest size of the image's shape that has a size within it.
func (o original) cover(width, height float64) resizing {
	width, height = o.shrunk(width, height)
	r := exactly(width, o.h*width/o.w)
	if width*o.h < height*o.w {
		r = exactly(o.w*height/o.h, height)
	}
	r.frameWidth, r.frameHeight = pixels(width), pixels(height)
	r.width, r.height = max(r.width, r.frameWidth), max(r.height, r.frameHeight)
	return r
}

// shrunk is a size as it is asked for or, if the image is not to be enlarged,
// the largest of the same shape that the image has pixels for.
func (o original) shrunk(width, height float64) (w, h float64) {
	switch {
	case o.enlarge || width <= o.w && height <= o.h:
		return width, height
	case width*o.h >= height*o.w:
		return o.w, height * o.w / width
	}
	return width * o.h / height, o.h
}

func exactly(width, height float64) resizing {
	w, h := pixels(width), pixels(height)
	return resizing{w, h, w, h}
}

// pixels is a length of a result: rounded, halves up, and at least 1.
func pixels(length float64) int { return max(int(math.Floor(length+0.5)), 1) }

// scale gives all pages that size.
func (s *Sheet) scale(width, height int, kernel string, linear bool) {
	if width == s.Width() && height == s.PageHeight() {
		return
	}
	scaled := func(p picture) picture { return p.scaled(width, height, kernel) }
	s.each(func(p picture) picture {
		switch {
		case kernel == "nearest":
			return scaled(p)
		case linear:
			return s.linearly(p, scaled)
		}
		return s.premultiplied(p, scaled)
	})
}

// scaled has that size.
func (p picture) scaled(width, height int, kernel string) picture {
	w, h := width, height
	if kernel != "nearest" {
		w, h = min(width, p.Width()), min(height, p.Height())
	}
	if w != p.Width() || h != p.Height() {
		p = p.call("resize", vips.Options{
			"scale": float64(w) / float64(p.Width()), "vscale": float64(h) / float64(p.Height()), "kernel": kernel,
		})
	}
	if w == width && h == height {
		return p
	}
	return p.enlarged(width, height, kernel)
}

// enlarged has that size. The library's resize would move the image by half a
// pixel of the result; here the middles of both lie on each other.
func (p picture) enlarged(width, height int, kernel string) picture {
	interpolate := "bicubic"
	if kernel == "linear" {
		interpolate = "bilinear"
	}
	return p.call("affine", vips.Options{
		"matrix":      []float64{float64(width) / float64(p.Width()), 0, 0, float64(height) / float64(p.Height())},
		"interpolate": interpolate, "idx": 0.5, "idy": 0.5, "odx": -0.5, "ody": -0.5,
		"oarea": []int{0, 0, width, height}, "extend": "copy", "premultiplied": true,
	})
}

// linearly does something with the image while its colours are amounts of
// light, in floating point numbers.
func (s *Sheet) linearly(p picture, f func(picture) picture) picture {
	grey := p.Bands() < 3
	p = s.besideAlpha(p, func(p picture) picture { return p.call("colourspace", vips.Options{"space": "scrgb"}) })
	if s.HasAlpha() {
		p = p.call("premultiply", vips.Options{"max_alpha": s.full()})
		p = f(p).call("unpremultiply", vips.Options{"max_alpha": s.full()})
	} else {
		p = f(p)
	}
	space := s.rgb()
	if grey {
		space = s.grey()
	}
	return s.round(s.besideAlpha(p, func(p picture) picture { return p.as("scrgb").call("colourspace", vips.Options{"space": space}) }))
}
