package vips_test

import (
	"testing"

	"minilab/internal/vips"
)

// TestImagesHoldWhatTheyAreMadeOf: an image may be closed before those that are
// made of it are computed. Halves are rounded up.
func TestImagesHoldWhatTheyAreMadeOf(t *testing.T) {
	base := func(bands int, values ...byte) *vips.Image {
		p, err := vips.OfPixels(values, len(values)/bands, 1, bands, 1)
		if err != nil {
			t.Fatal(err)
		}
		image, err := p.Call("copy", vips.Options{"interpretation": "srgb"})
		if err != nil {
			t.Fatal(err)
		}
		p.Close()
		return image
	}
	for name, make := range map[string]func(*vips.Image) (*vips.Image, error){
		"swap": func(i *vips.Image) (*vips.Image, error) { return i.Swap([3]int{0, 1, 2}) },
		"mix":  func(i *vips.Image) (*vips.Image, error) { return i.Mix([][5]float64{{1}, {0, 1}, {0, 0, 1}}) },
		"blend": func(i *vips.Image) (*vips.Image, error) {
			over := base(4, 1, 2, 3, 0)
			defer over.Close()
			return i.Blend(over, 0, 0, "over", 1)
		},
	} {
		image := base(3, 10, 20, 30)
		made, err := make(image)
		if err != nil {
			t.Fatal(err)
		}
		image.Close()
		if got, err := made.Pixels(); err != nil || string(got) != "\x0a\x14\x1e" {
			t.Errorf("%s: % x, %v", name, got, err)
		}
		made.Close()
	}
	for b := range 256 {
		for s := 0; s < 256; s += 7 {
			if (b+s)%2 == 0 {
				continue
			}
			image, over := base(1, byte(b)), base(2, byte(s), 255)
			made, err := image.Blend(over, 0, 0, "over", 0.5)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := made.Pixels(); err != nil || int(got[0]) != (b+s+1)/2 {
				t.Fatalf("%d and %d make %d, %v", b, s, got, err)
			}
			made.Close()
			image.Close()
			over.Close()
		}
	}
}
