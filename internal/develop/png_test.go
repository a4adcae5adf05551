package develop_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/png"
	"testing"

	"minilab/internal/vips"
)

func TestPNGIsExact(t *testing.T) {
	// Widths around the 4, 5 and 16 pixels or bytes that are done at once.
	for _, width := range []int{1, 2, 3, 4, 5, 6, 7, 11, 16, 17, 61} {
		for name, m := range map[string]image.Image{
			"8 bits":            eightBit(opaque(noise(width, 9))),
			"8 bits and alpha":  eightBit(noise(width, 9)),
			"16 bits":           opaque(noise(width, 9)),
			"16 bits and alpha": noise(width, 9),
		} {
			data := encodePNG(t, m)
			for _, order := range permutations {
				t.Run(fmt.Sprint(name, width, order), func(t *testing.T) {
					out, result := run(t, data, "swap:"+order)
					mustEqual(t, decodePNG(t, out), reference(m, order))
					if a, b := depthOf(t, data), depthOf(t, out); a != b {
						t.Errorf("depth and colour type are %v, want %v", b, a)
					}
					if want := map[bool]string{true: "copy", false: "pixels"}[order == "rgb"]; result.Facts.Lane != want {
						t.Errorf("lane is %s, want %s", result.Facts.Lane, want)
					}
				})
			}
		}
	}
}

// depthOf is the depth and the colour type in a PNG's header.
func depthOf(tb testing.TB, data []byte) [2]byte {
	tb.Helper()
	if len(data) < 33 {
		tb.Fatal("no header")
	}
	return [2]byte{data[24], data[25]}
}

func TestPNGStaysInterlaced(t *testing.T) {
	m := noise(37, 23)
	data := fromPNG(t, m, "pngsave_target", vips.Options{"interlace": true})
	out, _ := run(t, data, "swap")
	mustEqual(t, decodePNG(t, out), reference(m, "bgr"))
	if out[28] != 1 {
		t.Error("the interlacing is gone")
	}
}

func TestPNGPaletteIsRewritten(t *testing.T) {
	few := color.Palette{color.NRGBA{200, 100, 50, 255}, color.NRGBA{1, 2, 3, 0}, color.NRGBA{9, 99, 199, 128}}
	for name, p := range map[string]color.Palette{"few": few, "many": palette.Plan9} {
		m := image.NewPaletted(image.Rect(0, 0, 33, 21), p)
		for i := range m.Pix {
			m.Pix[i] = uint8(i % len(p))
		}
		data := encodePNG(t, m)
		for _, order := range permutations[1:] {
			out, result := run(t, data, "swap:"+order)
			if result.Facts.Lane != "palette" || len(out) != len(data) {
				t.Errorf("%s: lane %s, %d bytes of %d", name, result.Facts.Lane, len(out), len(data))
			}
			back := decodePNG(t, out).(*image.Paletted)
			mustEqual(t, back, reference(m, order))
			if !bytes.Equal(back.Pix, m.Pix) {
				t.Errorf("%s: the indices changed", name)
			}
		}
	}
}

func TestGreyComesBackAsItWas(t *testing.T) {
	grey, grey16 := image.NewGray(image.Rect(0, 0, 19, 7)), image.NewGray16(image.Rect(0, 0, 19, 7))
	for i := range grey.Pix {
		grey.Pix[i] = uint8(i)
	}
	for name, data := range map[string][]byte{
		"8":  encodePNG(t, grey),
		"16": encodePNG(t, grey16),
	} {
		out, result := run(t, data, "swap")
		if !bytes.Equal(out, data) || result.Facts.Lane != "copy" {
			t.Errorf("%s bits: lane %s, same bytes: %v", name, result.Facts.Lane, bytes.Equal(out, data))
		}
	}
}

func TestSwapsAddUp(t *testing.T) {
	m := eightBit(opaque(noise(8, 8)))
	data := encodePNG(t, m)
	out, _ := run(t, data, "swap:gbr/swap:bgr/swap:grb")
	mustEqual(t, decodePNG(t, out), reference(reference(reference(m, "gbr"), "bgr"), "grb"))
	if same, _ := run(t, data, "swap/swap"); !bytes.Equal(same, data) {
		t.Error("swapping twice changed the file")
	}
}

func BenchmarkPNG(b *testing.B) {
	var data bytes.Buffer
	if err := png.Encode(&data, scene(2000, 1500)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		run(b, data.Bytes(), "swap")
	}
}
