package develop_test

import (
	"fmt"
	"image"
	"reflect"
	"testing"

	"minilab/internal/develop"
	"minilab/internal/vips"
)

// There is no decoder of AVIF in Go to compare with; the library's is used.
func TestAVIFKeepsItsWays(t *testing.T) {
	for _, depth := range []int{8, 10, 12} {
		for _, subsample := range []string{"on", "off"} {
			t.Run(fmt.Sprint(depth, subsample), func(t *testing.T) {
				data := fromPNG(t, deep(scene(96, 64), depth), "heifsave_target", vips.Options{
					"compression": "av1", "Q": 80, "effort": 1, "bitdepth": depth, "subsample_mode": subsample,
				})
				out, result := run(t, data, "swap")
				if result.Outputs[0].ContentType != "image/avif" || result.Facts.Bits != depth {
					t.Errorf("result is %+v", result)
				}
				mustResemble(t, toPNG(t, out, "heifload_source", 0), reference(toPNG(t, data, "heifload_source", 0), "bgr"), 33)
				if _, again := run(t, out, "swap"); !reflect.DeepEqual(again.Facts, result.Facts) {
					t.Errorf("facts of the result are %+v, want %+v", again.Facts, result.Facts)
				}
				if develop.HalvedAVIF(out) != (subsample == "on") || develop.HalvedAVIF(data) != (subsample == "on") {
					t.Error("the chroma sampling changed")
				}
			})
		}
	}
}

func TestAVIFKeepsAlpha(t *testing.T) {
	m := scene(64, 48)
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = uint8(i / 48)
	}
	data := fromPNG(t, m, "heifsave_target", vips.Options{"compression": "av1", "lossless": true, "effort": 1})
	out, result := run(t, data, "swap")
	if result.Facts.Bands != 4 {
		t.Fatalf("facts are %+v", result.Facts)
	}
	got := toPNG(t, out, "heifload_source", 0)
	for i, x := range []int{3, 30, 60} {
		if a, b := int(straight(got.At(x, 20)).A>>8), int(m.NRGBAAt(x, 20).A); max(a-b, b-a) > 8 {
			t.Errorf("%d: alpha is %d, want %d", i, a, b)
		}
	}
}

// deep is the image with 16 bits a channel, if its depth is to be more than 8.
func deep(m *image.NRGBA, depth int) image.Image {
	if depth == 8 {
		return m
	}
	return reference(m, "rgb")
}
