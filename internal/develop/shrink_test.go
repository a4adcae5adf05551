package develop_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"sync"
	"testing"

	"minilab/internal/develop"
	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
)

// rippled has waves of many lengths in both directions, and no even sides.
func rippled() image.Image {
	const w, h = 801, 603
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	wave := func(x, length float64) float64 { return math.Sin(2 * math.Pi * x / length) }
	for y := range h {
		for x := range w {
			fx, fy := float64(x), float64(y)
			v := 128 + 30*wave(fx, 200) + 30*wave(fy, 150) + 20*wave(fx+fy, 50) + 15*wave(fx-fy, 35)
			m.SetNRGBA(x, y, color.NRGBA{uint8(v), uint8(v/2 + 60*fx/w), uint8(220 - v/2), 255})
		}
	}
	return m
}

var ripples = sync.OnceValue(func() []byte {
	var buf bytes.Buffer
	_ = jpeg.Encode(&buf, rippled(), &jpeg.Options{Quality: 92}) // a buffer takes everything
	return buf.Bytes()
})

func parsed(tb testing.TB, texts ...string) []pipeline.Pipeline {
	tb.Helper()
	all := make([]pipeline.Pipeline, len(texts))
	for i, text := range texts {
		p, err := pipeline.Parse(text)
		if err != nil {
			tb.Fatal(err)
		}
		all[i] = p
	}
	return all
}

// TestJPEGsAreDecodedSmaller: as much as the largest output allows, and with
// the pixels that decoding all of it gives.
func TestJPEGsAreDecodedSmaller(t *testing.T) {
	upright := ripples()
	lying := withSegment(upright, 0xe1, exif(6))
	all := encodePNG(t, decodeJPEG(t, upright)) // which is never decoded smaller
	for _, c := range []struct {
		data   []byte
		before string // what the orientation stands for
		text   string
		by     int
	}{
		{upright, "", "resize:50x50/png", 8},
		{upright, "", "resize:70x70/png", 8},
		{upright, "", "resize:100x100/png", 4},
		{upright, "", "strip/resize:250x250/png", 2},
		{upright, "", "resize:450x450/png", 1},
		{upright, "", "resize:1000x1000:enlarge/png", 1},
		{upright, "", "resize:50x50:cover/png", 8},
		{upright, "", "resize:50x50:contain/png", 8},
		{upright, "", "resize:50x200:fill/png", 2},
		{upright, "", "resize:50x50:linear/png", 1},
		{upright, "", "resize:50x50:kernel=nearest/png", 1},
		{upright, "", "grayscale/resize:50x50/png", 1},
		{lying, "rotate:90/", "resize:50x100/png", 8},
		{lying, "rotate:90/", "orient/resize:50x100/png", 8},
		{lying, "", "orient:none/resize:100x50/png", 1},
		{lying, "rotate:90/", "resize:150x150:cover/png", 2},
	} {
		by, err := develop.Smaller(c.data, parsed(t, c.text)...)
		if err != nil || by != c.by {
			t.Errorf("%s: decoded %d times smaller, want %d (%v)", c.text, by, c.by, err)
		}
		got, _ := run(t, c.data, c.text)
		want, _ := run(t, all, c.before+c.text)
		if p := psnr(t, decodePNG(t, got), decodePNG(t, want)); p < 36 {
			t.Errorf("%s: %.1f dB", c.text, p)
		}
	}
}

func TestTheLargestOutputSaysHowMuchSmaller(t *testing.T) {
	data := ripples()
	for _, c := range []struct {
		texts []string
		by    int
	}{
		{[]string{"resize:50x50", "resize:65x65"}, 8},
		{[]string{"resize:50x50", "resize:200x200"}, 2},
		{[]string{"resize:50x50", "resize:700x700"}, 1},
		{[]string{"resize:50x50", "swap"}, 1},
		{[]string{"resize:50x50", "webp"}, 1},
	} {
		if by, err := develop.Smaller(data, parsed(t, c.texts...)...); err != nil || by != c.by {
			t.Errorf("%v: decoded %d times smaller, want %d (%v)", c.texts, by, c.by, err)
		}
	}
}

// TestWhatIsLeftOutIsCheckedToo: pixels that are cut off are those of the image
// as well.
func TestWhatIsLeftOutIsCheckedToo(t *testing.T) {
	data := ripples()
	for _, text := range []string{"resize:50x50", "resize:100x10:cover:gravity=north", "resize:250x250/webp"} {
		for _, tenths := range []int{3, 6, 9} {
			_, _, err := try(t, data[:len(data)*tenths/10], text)
			if !errors.Is(err, wire.ErrBroken) {
				t.Errorf("%d tenths, %s: %v", tenths, text, err)
			}
		}
	}
}

func TestFactsAreThoseOfTheWholeImage(t *testing.T) {
	out, result := run(t, ripples(), "resize:50x50/jpeg:80")
	if f := result.Facts; f.Width != 801 || f.Height != 603 {
		t.Errorf("the image has %d x %d pixels", f.Width, f.Height)
	}
	if b := decodeJPEG(t, out).Bounds(); b.Dx() != 50 || b.Dy() != 38 {
		t.Errorf("the result is %v", b)
	}
}
