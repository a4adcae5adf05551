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
	made     bool   // only of the images that the corpus makes, which are small
	format   string // of the result; "" for that of the image
	films    bool   // frames stay
	srgb     bool   // the profile goes, once the pixels are converted
	upright  bool   // the orientation goes, once the pixels are turned
	deep     bool   // 16 bits stay, where the image has them
	opaque   bool   // there is no alpha in the format; white shows through
	hard     bool   // alpha is all or nothing in the format
	loss     corpus.Tolerance
}

var conversions = []conversion{
	{pipeline: "png:effort=1", format: "png", upright: true, deep: true},
	{pipeline: "webp:lossless:effort=0", format: "webp", films: true, upright: true},
	{pipeline: "tiff", format: "tiff", films: true, upright: true, deep: true},
	{made: true, pipeline: "jpeg:95", format: "jpeg", upright: true, opaque: true, loss: corpus.Tolerance{Mean: 6, Max: 50}},
	{made: true, pipeline: "avif:lossless:effort=0", format: "avif", upright: true},
	{made: true, pipeline: "gif:effort=1", format: "gif", films: true, srgb: true, upright: true, hard: true, loss: corpus.Tolerance{Mean: 12, Max: 140}},
	{pipeline: "orient", films: true, upright: true, deep: true},
	{pipeline: "profile:srgb", films: true, srgb: true, deep: true},
	{made: true, pipeline: "profile:srgb/png:effort=1", format: "png", srgb: true, upright: true, deep: true},
	{pipeline: "strip", films: true, srgb: true, upright: true, deep: true},
	{made: true, pipeline: "strip/png:effort=1", format: "png", srgb: true, upright: true, deep: true},
	{made: true, pipeline: "strip/webp:lossless:effort=0", format: "webp", films: true, srgb: true, upright: true},
	{made: true, pipeline: "strip:icc/png:effort=1", format: "png", upright: true, deep: true},
	{made: true, pipeline: "orient/swap/swap/png:effort=1", format: "png", upright: true, deep: true},
}

// TestCorpusConverted: orientation, profile, alpha, depth and frames come out
// right in other formats, and where only one of them is to change.
func TestCorpusConverted(t *testing.T) {
	for _, c := range conversions {
		images := theCorpus(t)
		if c.made {
			images = corpus.All()
		}
		for _, m := range images {
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
	if c.hard && !isHard(want) {
		return // there is no truth to compare with
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
	if c.format == "" && m.Format == "gif" {
		near = near.Plus(corpus.Tolerance{Max: 16}) // 256 colours, chosen anew
	}
	if c.srgb && m.Depth > 8 {
		near = near.Plus(corpus.Tolerance{Mean: 0.1, Max: 0.5}) // arithmetic of 16 bits
	}
	if !m.Space.IsSRGB() {
		near = near.Plus(corpus.Rounded)
	}
	return near
}

// testProfile: either the profile is still there, or colours are sRGB.
func (c conversion) testProfile(t *testing.T, m *corpus.Image, is *corpus.Contents) {
	same := bytes.Equal(is.Profile, m.Profile)
	switch {
	case c.srgb && !m.Space.IsSRGB() && same:
		t.Error("the profile is still there")
	case !c.srgb && !same && !m.Press && !m.Broken && !(ofGrey(m) && len(is.Profile) == 0):
		t.Errorf("the profile had %d bytes and has %d", len(m.Profile), len(is.Profile))
	}
}

// ofGrey says that the image's profile is one of grey, which is not kept where
// there is only red, green and blue: then pixels are sRGB.
func ofGrey(m *corpus.Image) bool { return m.Space.Name == corpus.GreyGamma.Name }

// isHard says that every pixel is seen or not.
func isHard(frames []corpus.Frame) bool {
	for _, f := range frames {
		for i := 6; i < len(f.Image.Pix); i += 8 {
			if a := f.Image.Pix[i]; a != 0 && a != 255 {
				return false
			}
		}
	}
	return true
}

// timeless are frames in a format that does not tell how long they are shown.
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
