package develop_test

import (
	"bytes"
	"fmt"
	"image"
	"testing"

	"golang.org/x/image/webp"

	"minilab/internal/vips"
)

func decodeWebP(tb testing.TB, data []byte) image.Image {
	tb.Helper()
	m, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestLosslessWebPIsExact(t *testing.T) {
	for name, m := range map[string]image.Image{
		"opaque": eightBit(opaque(noise(31, 17))),
		"alpha":  eightBit(noise(31, 17)),
	} {
		data := fromPNG(t, m, "webpsave_target", vips.Options{"lossless": true, "exact": true})
		for _, order := range permutations[1:] {
			t.Run(name+order, func(t *testing.T) {
				out, _ := run(t, data, "swap:"+order)
				mustEqual(t, decodeWebP(t, out), reference(m, order))
			})
		}
	}
}

func TestLossyWebPLosesLittle(t *testing.T) {
	m := scene(120, 90)
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = uint8(i) | 1
	}
	data := fromPNG(t, m, "webpsave_target", vips.Options{"Q": 80})
	out, _ := run(t, data, "swap")
	if !bytes.Contains(out, []byte("VP8 ")) {
		t.Error("it became lossless")
	}
	want := reference(toPNG(t, data, "webpload_source", 0), "bgr")
	got := toPNG(t, out, "webpload_source", 0)
	mustResemble(t, got, want, 33)
	for y := range 90 {
		for x := range 120 {
			if straight(got.At(x, y)).A != want.NRGBA64At(x, y).A {
				t.Fatalf("alpha at %d,%d changed", x, y)
			}
		}
	}
}

func TestAnimatedWebPKeepsItsFrames(t *testing.T) {
	_, moving := film(t)
	for name, options := range map[string]vips.Options{
		"lossless": {"lossless": true, "exact": true},
		"lossy":    {"Q": 90},
	} {
		data := convert(t, moving, "gifload_source", vips.Options{"n": -1}, "webpsave_target", options)
		out, result := run(t, data, "swap")
		if result.Facts.Pages != 3 || result.Facts.Height != 30 {
			t.Errorf("%s: facts are %+v", name, result.Facts)
		}
		want := reference(toPNG(t, data, "webpload_source", -1), "bgr")
		got := toPNG(t, out, "webpload_source", -1)
		if name == "lossless" {
			mustEqual(t, got, want)
		} else {
			mustResemble(t, got, want, 20) // the frames are noise, which chroma sampling ruins
		}
		if a, b := timing(t, data), timing(t, out); a != b {
			t.Errorf("%s: loop and delays are %s, want %s", name, b, a)
		}
	}
}

// timing is the loop count and the delays of an animated WebP.
func timing(tb testing.TB, data []byte) string {
	tb.Helper()
	s := ""
	for at := 12; at+8 <= len(data); {
		size := int(data[at+4]) | int(data[at+5])<<8 | int(data[at+6])<<16
		switch body := data[at+8:]; string(data[at : at+4]) {
		case "ANIM":
			s += fmt.Sprint("loop ", body[4:6])
		case "ANMF":
			s += fmt.Sprint(" ", body[12:15])
		}
		at += 8 + size + size&1
	}
	return s
}
