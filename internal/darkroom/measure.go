package darkroom

import (
	"encoding/base64"

	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// miniatureSide is the longer side of what facts are measured on, in pixels.
const miniatureSide = 100

// facts measures the first page as it is here; of what was asked for, or all.
func facts(s *Sheet, step pipeline.Step) {
	s.settle()
	m := s.miniature()
	if s.tray.err != nil {
		return
	}
	var found wire.Measured
	if s.Measured != nil {
		found = *s.Measured
	}
	all := !step.Flag("blurhash") && !step.Flag("thumbhash") && !step.Flag("phash") && !step.Flag("colours")
	if all || step.Flag("blurhash") {
		found.BlurHash = m.blurHash(4, 3)
	}
	if all || step.Flag("thumbhash") {
		found.ThumbHash = base64.StdEncoding.EncodeToString(m.thumbHash())
	}
	if all || step.Flag("phash") {
		found.PHash = m.perceptualHash()
	}
	if all || step.Flag("colours") {
		found.Colours = m.dominant(6)
	}
	s.Measured = &found
}

// miniature is a small image in sRGB: red, green, blue and alpha of each pixel,
// 0 to 1, not premultiplied.
type miniature struct {
	width, height int
	pixels        [][4]float64
}

// miniature is the first page, upright.
func (s *Sheet) miniature() miniature {
	p := s.page(0).call("thumbnail_image", vips.Options{"width": miniatureSide, "height": miniatureSide, "size": "down"})
	small := &Sheet{Image: p.Image, Pages: 1, tray: s.tray}
	small.coloured()
	if s.tray.err == nil && small.Blob(profileField) != nil {
		small.colours(func(p picture) picture { return p.inProfile("srgb", small.Bits()) })
	}
	if s.tray.err != nil {
		return miniature{}
	}
	data, err := small.Pixels()
	if err != nil {
		s.tray.fail(err)
		return miniature{}
	}
	m := miniature{width: small.Width(), height: small.Height()}
	for values := numbers(data, small.Bits()); len(values) > 0; values = values[small.Bands():] {
		pixel := [4]float64{3: 1}
		for c := range small.Bands() {
			pixel[c] = float64(values[c]) / small.full()
		}
		m.pixels = append(m.pixels, pixel)
	}
	return m
}

// plane is one number for each pixel.
type plane []float64

func (m miniature) plane(f func(pixel [4]float64) float64) plane {
	p := make(plane, len(m.pixels))
	for i, pixel := range m.pixels {
		p[i] = f(pixel)
	}
	return p
}

// onWhite is a channel with white behind what is transparent.
func (m miniature) onWhite(channel int) plane {
	return m.plane(func(p [4]float64) float64 { return p[3]*p[channel] + 1 - p[3] })
}
