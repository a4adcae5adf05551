package trials_test

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"testing"

	"minilab/internal/trials"
)

// alike is far more than JPEG does to a mosaic, and far less than what lies
// between two of them.
const alike = 10

func TestNoTwoMosaicsAreAlike(t *testing.T) {
	var seen []image.Image
	for seed := range uint64(40) {
		var buf bytes.Buffer
		if err := jpeg.Encode(&buf, trials.Mosaic(64, 48, seed), &jpeg.Options{Quality: 50}); err != nil {
			t.Fatal(err)
		}
		m, err := jpeg.Decode(&buf)
		if err != nil {
			t.Fatal(err)
		}
		for other, before := range seen {
			if d := trials.Distance(before, swapped(m)); d < alike {
				t.Errorf("the mosaics of %d and %d are only %.1f apart", other, seed, d)
			}
		}
		if d := trials.Distance(trials.Mosaic(64, 48, seed), swapped(m)); d > alike {
			t.Errorf("as JPEG the mosaic of %d is %.1f away from itself", seed, d)
		}
		seen = append(seen, m)
	}
}

// TestDistances has the fast way say what the slow one says, which images of 16
// bits take.
func TestDistances(t *testing.T) {
	a, b := trials.Mosaic(40, 30, 1), trials.Mosaic(40, 30, 2)
	deep := image.NewNRGBA64(a.Bounds())
	draw.Draw(deep, deep.Rect, a, image.Point{}, draw.Src)
	fast, slow := trials.Distance(a, b), trials.Distance(deep, b)
	if math.Abs(fast-slow) > 0.001 || fast < alike {
		t.Errorf("the distance is %v the fast way and %v the slow one", fast, slow)
	}
}

// swapped is the image with red and blue in each other's place.
func swapped(m image.Image) image.Image {
	s := image.NewNRGBA(m.Bounds())
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			s.SetNRGBA(x, y, color.NRGBA{c.B, c.G, c.R, c.A})
		}
	}
	return s
}
