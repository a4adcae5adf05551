package develop_test

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"testing"

	"minilab/internal/develop/corpus"
)

// firstOf is what is left of a film or a document in a format of one page.
func firstOf(frames []corpus.Frame) []corpus.Frame { return []corpus.Frame{{Image: frames[0].Image}} }

// conversion is a pipeline and what it does to any image.
type conversion struct {
	pipeline string
	format   string // of the result; "" for that of the image
	films    bool   // frames stay
	srgb     bool   // the profile goes, once the pixels are converted
	upright  bool   // the orientation goes, once the pixels are turned
	deep     bool   // 16 bits stay, where the image has them
	opaque   bool   // there is no alpha in the format; white shows through
	loss     corpus.Tolerance
}

var conversions = []conversion{
	{pipeline: "png", format: "png", upright: true, deep: true},
	{pipeline: "webp:lossless", format: "webp", films: true, upright: true},
	{pipeline: "tiff", format: "tiff", films: true, upright: true, deep: true},
	{pipeline: "jpeg:95", format: "jpeg", upright: true, opaque: true, loss: corpus.Tolerance{Mean: 6, Max: 50}},
	{pipeline: "avif:lossless", format: "avif", upright: true},
	{pipeline: "orient", films: true, upright: true, deep: true},
	{pipeline: "profile:srgb", films: true, srgb: true, deep: true},
	{pipeline: "profile:srgb/png", format: "png", srgb: true, upright: true, deep: true},
	{pipeline: "strip", films: true, srgb: true, upright: true, deep: true},
	{pipeline: "strip/png", format: "png", srgb: true, upright: true, deep: true},
	{pipeline: "strip/webp:lossless", format: "webp", films: true, srgb: true, upright: true},
	{pipeline: "strip:icc/png", format: "png", upright: true, deep: true},
	{pipeline: "orient/swap/swap/png", format: "png", upright: true, deep: true},
}

// TestCorpusConverted: orientation, profile, alpha, depth and frames come out
// right in other formats, and where only one of them is to change.
func TestCorpusConverted(t *testing.T) {
	for _, c := range conversions {
		for _, m := range theCorpus(t) {
			t.Run(c.pipeline+" of "+m.Name, func(t *testing.T) { c.test(t, m) })
		}
	}
}

func (c conversion) test(t *testing.T, m *corpus.Image) {
	out, result, err := try(t, m.Data, c.pipeline)
	if err != nil {
		t.Fatal(err)
	}
	want := m.Frames
	if !c.films || m.Format == "tiff" && c.format != "" && c.format != "tiff" {
		want = firstOf(want)
	}
	if c.opaque {
		want = onWhite(want)
	}
	got, is := view(t, out)
	if is.Format == "tiff" {
		want = timeless(want)
	}
	mustShow(t, got, want, c.within(m, is.Format))
	if is.Format != cmp.Or(c.format, m.Format) {
		t.Errorf("the result is %s", is.Format)
	}
	if c.upright && is.Orientation > 1 || !c.upright && max(is.Orientation, 1) != max(m.Orientation, 1) {
		t.Errorf("the orientation was %d and is %d", m.Orientation, is.Orientation)
	}
	if c.upright && (result.Outputs[0].Width != want[0].Image.Rect.Dx() || result.Outputs[0].Height != want[0].Image.Rect.Dy()) {
		t.Errorf("facts are %+v", result.Outputs)
	}
	c.testProfile(t, m, is)
	if depth := min(max(m.Depth, 8), 16); c.deep && m.Depth > 8 && is.Depth != depth && is.Format != "webp" {
		t.Errorf("the depth was %d and is %d", m.Depth, is.Depth)
	}
}

// within is what the way to a result in the format may cost.
func (c conversion) within(m *corpus.Image, format string) corpus.Tolerance {
	near := m.Near.Plus(c.loss)
	if format != "png" && format != "tiff" || m.Depth <= 8 {
		near = near.Plus(corpus.Rounded) // 16 bits to 8, or a profile's arithmetic
	}
	if c.format == "" {
		near = near.Plus(again(m.Format))
	}
	if m.Space != corpus.SRGB {
		near = near.Plus(corpus.Rounded)
	}
	return near
}

// testProfile: either the profile is still there, or colours are sRGB.
func (c conversion) testProfile(t *testing.T, m *corpus.Image, is *corpus.Contents) {
	same := bytes.Equal(is.Profile, m.Profile)
	switch {
	case c.srgb && m.Space != corpus.SRGB && same:
		t.Error("the profile is still there")
	case !c.srgb && !same && !m.Press && !m.Broken:
		t.Errorf("the profile had %d bytes and has %d", len(m.Profile), len(is.Profile))
	}
}

// timeless are frames of a format that does not tell how long they are shown.
func timeless(frames []corpus.Frame) []corpus.Frame {
	out := make([]corpus.Frame, len(frames))
	for i, f := range frames {
		out[i].Image = f.Image
	}
	return out
}

// onWhite is what shows on white paper.
func onWhite(frames []corpus.Frame) []corpus.Frame {
	out := make([]corpus.Frame, len(frames))
	for i, f := range frames {
		m := image.NewNRGBA64(f.Image.Rect)
		for y := range m.Rect.Dy() {
			for x := range m.Rect.Dx() {
				c := f.Image.NRGBA64At(x, y)
				blend := func(v uint16) uint16 { return uint16((int(v)*int(c.A) + 65535*(65535-int(c.A))) / 65535) }
				m.SetNRGBA64(x, y, color.NRGBA64{R: blend(c.R), G: blend(c.G), B: blend(c.B), A: 65535})
			}
		}
		out[i] = corpus.Frame{Image: m, Delay: f.Delay}
	}
	return out
}
