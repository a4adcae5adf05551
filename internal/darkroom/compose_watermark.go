package darkroom

import (
	"bytes"
	"fmt"
	"math"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// watermark lays an attachment over every page.
func watermark(s *Sheet, step pipeline.Step) {
	image := s.tray.Attachments[step.Value("image")]
	if image == nil {
		s.tray.fail(fmt.Errorf("darkroom: the image %q was not handed over", step.Value("image"))) // the worker's mistake
		return
	}
	mark, ok := s.sized(s.adapted(picture{image, s.tray}), step)
	if !ok {
		return
	}
	o := overlay{picture: mark, mode: step.Value("blend"), opacity: step.Float("opacity")}
	o.left, o.top = s.spot(step, mark.Width(), mark.Height())
	if step.Flag("tile") {
		o = s.tiled(o)
	}
	s.lay(o)
}

// adapted turns another image upright and brings it into the sheet's colour
// space, channels and depth, with alpha. The sheet gets colour if it has.
func (s *Sheet) adapted(p picture) picture {
	if to, _ := p.Int("orientation"); to > 1 {
		p = p.call("autorot", nil)
	}
	p = s.profiled(p)
	if p.Bands() >= 3 {
		s.coloured()
	}
	switch deep := p.Bits() > 8; {
	case deep && !s.deep():
		p = p.call("linear", vips.Options{"a": []float64{1. / 257}, "b": []float64{0}})
	case !deep && s.deep():
		p = p.call("linear", vips.Options{"a": []float64{257}, "b": []float64{0}})
	}
	p = s.round(p)
	if s.Bands() >= 3 && p.Bands() < 3 {
		p = p.call("colourspace", vips.Options{"space": s.rgb()})
	}
	if p.Bands()%2 == 1 {
		p = p.call("bandjoin_const", vips.Options{"c": []float64{s.full()}})
	}
	return p.bare()
}

// bare is a picture without metadata: what is laid over an image must not tell
// where it was taken in that one's place.
func (p picture) bare() picture {
	p = p.call("copy", nil)
	if p.tray.err == nil {
		for _, name := range p.Fields() {
			p.Remove(name)
		}
	}
	return p
}

// profiled converts colours from a picture's profile into the sheet's; where one
// has none, or one that is broken, its colours are those of sRGB.
func (s *Sheet) profiled(p picture) picture {
	const profile = "icc-profile-data"
	from, to := p.Blob(profile), s.Blob(profile)
	if p.tray.err != nil || p.Bands() < 3 || bytes.Equal(from, to) {
		return p
	}
	return p.beside(func(p picture) picture {
		depth := vips.Options{"intent": "relative", "depth": min(p.Bits(), 16)}
		device := p.call("icc_import", vips.Options{"embedded": true, "input_profile": "srgb", "intent": "relative"}).call("copy", nil)
		if p.tray.err != nil {
			return p
		}
		device.Remove(profile)
		if to != nil && s.Bands() >= 3 {
			device.SetBlob(profile, to)
			if image, err := device.Call("icc_export", depth); err == nil {
				return p.tray.picture(image, nil, p)
			}
		}
		depth["output_profile"] = "srgb"
		return device.call("icc_export", depth)
	})
}

// beside does something with the channels that are not alpha.
func (p picture) beside(f func(p picture) picture) picture {
	if n := p.Bands() - 1; n%2 == 1 {
		return f(p.band(0, n)).join(p.band(n, 1))
	}
	return f(p)
}

// sized gives a watermark the size that the step wants.
func (s *Sheet) sized(mark picture, step pipeline.Step) (sized picture, ok bool) {
	if !step.Given("scale") || s.tray.err != nil {
		return mark, s.tray.err == nil
	}
	width := pixels(step.Float("scale") * float64(s.Width()))
	height := pixels(float64(mark.Height()) * float64(width) / float64(mark.Width()))
	if !s.judge(float64(width), float64(height)) {
		return mark, false
	}
	scale := vips.Options{"scale": float64(width) / float64(mark.Width()), "vscale": float64(height) / float64(mark.Height())}
	mark = mark.call("premultiply", vips.Options{"max_alpha": s.full()}).call("resize", scale)
	mark = s.round(mark.call("unpremultiply", vips.Options{"max_alpha": s.full()}))
	return mark.inMemory(), s.tray.err == nil
}

// inMemory computes the pixels, so that they can be read in any order and often.
func (p picture) inMemory() picture {
	if p.tray.err != nil {
		return p
	}
	image, err := p.Settle()
	return p.tray.picture(image, err, p)
}

// smallTile is the side in pixels below which a tile is made of several first:
// the library takes as long for a tile of one pixel as for a larger one.
const smallTile = 64

// tiled repeats an overlay in all directions from where it stands.
func (s *Sheet) tiled(o overlay) overlay {
	w, h := o.Width(), o.Height()
	if few := (vips.Options{"across": 1 + smallTile/w, "down": 1 + smallTile/h}); w < smallTile || h < smallTile {
		o.picture = o.call("replicate", few).inMemory()
	}
	o.left, o.top = before(o.left, w), before(o.top, h)
	count := func(room, tile int) int { return int(math.Ceil(float64(room) / float64(tile))) }
	o.picture = o.call("replicate", vips.Options{
		"across": count(s.Width()-o.left, o.Width()), "down": count(s.PageHeight()-o.top, o.Height()),
	})
	return o
}

// before is the last place from which tiles that lead to a place reach over the
// edge: 0 or less.
func before(place, tile int) int {
	place %= tile
	if place > 0 {
		place -= tile
	}
	return place
}
