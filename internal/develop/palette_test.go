package develop_test

import (
	"bytes"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"slices"
	"testing"
)

// pointPipelines can be run over tables of colours.
var pointPipelines = []string{
	"grayscale", "sepia:0.7", "duotone", "tint:ff8000", "invert", "brightness:0.2/contrast:1.3", "saturation:1.8/hue:40",
	"gamma:1.6/swap", "levels:0.1:0.9", "curves:0,0,0.25,0.15,1,1:red", "threshold", "posterize:3",
	"matrix:0.4,0.4,0.2,0.3,0.6,0.1,0.2,0.2,0.6", "grayscale/sepia",
}

// plain is an image without a table.
func plain(m image.Image) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, m.Bounds().Dx(), m.Bounds().Dy()))
	for i := range m.Bounds().Dx() * m.Bounds().Dy() {
		x, y := i%m.Bounds().Dx(), i/m.Bounds().Dx()
		c := straight(m.At(m.Bounds().Min.X+x, m.Bounds().Min.Y+y))
		out.SetNRGBA(x, y, color.NRGBA{uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8), uint8(c.A >> 8)})
	}
	return out
}

// speckled is a PNG with a table, with transparent and half transparent entries.
func speckled(tb testing.TB) (*image.Paletted, []byte) {
	tb.Helper()
	p := slices.Clone(color.Palette(palette.Plan9))
	p[3], p[77] = color.NRGBA{200, 100, 50, 0}, color.NRGBA{9, 99, 199, 128}
	m := image.NewPaletted(image.Rect(0, 0, 64, 20), p)
	for i := range m.Pix {
		m.Pix[i] = uint8(i * 7)
	}
	return m, encodePNG(tb, m)
}

func TestPNGPaletteIsAsThePixels(t *testing.T) {
	m, data := speckled(t)
	for _, text := range pointPipelines {
		out, result := run(t, data, text)
		if result.Facts.Lane != "palette" || len(out) != len(data) || result.Outputs[0].Width != 64 || result.Outputs[0].Height != 20 {
			t.Errorf("%s: lane %s, %d bytes of %d, %+v", text, result.Facts.Lane, len(out), len(data), result.Outputs)
		}
		back := decodePNG(t, out).(*image.Paletted)
		if !bytes.Equal(back.Pix, m.Pix) {
			t.Errorf("%s: the indices changed", text)
		}
		want, lane := run(t, encodePNG(t, plain(m)), text)
		if lane.Facts.Lane != "pixels" {
			t.Fatalf("%s: lane %s", text, lane.Facts.Lane)
		}
		mustEqual(t, plain(back), plain(decodePNG(t, want)))
	}
}

func TestGIFPaletteIsAsThePixels(t *testing.T) {
	_, data := film(t)
	before, err := gif.DecodeAll(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range pointPipelines {
		out, result := run(t, data, text)
		if result.Facts.Lane != "palette" || len(out) != len(data) || result.Outputs[0].Pages != 3 {
			t.Errorf("%s: lane %s, %d bytes of %d, %+v", text, result.Facts.Lane, len(out), len(data), result.Outputs)
		}
		after, err := gif.DecodeAll(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		for i, frame := range after.Image {
			if !bytes.Equal(frame.Pix, before.Image[i].Pix) || frame.Rect != before.Image[i].Rect {
				t.Errorf("%s: the indices of frame %d changed", text, i)
			}
			want, _ := run(t, encodePNG(t, plain(before.Image[i])), text)
			mustResembleWhereSeen(t, plain(frame), plain(decodePNG(t, want)))
		}
		if !slices.Equal(after.Delay, before.Delay) || !slices.Equal(after.Disposal, before.Disposal) || after.LoopCount != before.LoopCount {
			t.Errorf("%s: delays %v, disposal %v, loop %d", text, after.Delay, after.Disposal, after.LoopCount)
		}
	}
}

// mustResembleWhereSeen: Go forgets the colour of what is transparent in a GIF.
func mustResembleWhereSeen(tb testing.TB, got, want *image.NRGBA) {
	tb.Helper()
	for i := 3; i < len(got.Pix); i += 4 {
		if got.Pix[i] == 0 && want.Pix[i] == 0 {
			copy(want.Pix[i-3:i], got.Pix[i-3:i])
		}
	}
	mustEqual(tb, got, want)
}

// TestTablesThatCannotHoldIt: what is not of points, or makes alpha, goes
// through the pixels.
func TestTablesThatCannotHoldIt(t *testing.T) {
	m, data := speckled(t)
	for text, alpha := range map[string]func(uint8) uint8{
		"matrix:1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,0.5": func(a uint8) uint8 { return uint8((int(a) + 1) / 2) },
		"invert/flip/flip":                         func(a uint8) uint8 { return a },
		"normalize":                                func(a uint8) uint8 { return a },
		"invert/png":                               func(a uint8) uint8 { return a },
	} {
		out, result := run(t, data, text)
		if result.Facts.Lane != "pixels" {
			t.Errorf("%s: lane %s", text, result.Facts.Lane)
		}
		back := plain(decodePNG(t, out))
		for i, want := range plain(m).Pix {
			if i%4 == 3 && back.Pix[i] != alpha(want) {
				t.Fatalf("%s: alpha %d of %d is %d", text, i/4, want, back.Pix[i])
			}
		}
	}
}

// TestSignificantBits: once colours are computed, all their bits count; swapped
// ones keep theirs.
func TestSignificantBits(t *testing.T) {
	_, data := speckled(t)
	body := []byte{5, 6, 4}
	chunk := append([]byte{0, 0, 0, 3}, "sBIT"...)
	chunk = append(chunk, body...)
	sum := crc32.ChecksumIEEE(chunk[4:])
	chunk = append(chunk, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
	data = slices.Insert(data, 33, chunk...)
	for text, want := range map[string][]byte{"swap": {4, 6, 5}, "brightness:0.1": {8, 8, 8}} {
		out, _ := run(t, data, text)
		at := bytes.Index(out, []byte("sBIT"))
		if at < 0 || !bytes.Equal(out[at+4:at+7], want) {
			t.Errorf("%s: %v, want %v", text, out[at+4:at+7], want)
		}
		decodePNG(t, out) // the checksum
	}
}

func BenchmarkGIFPalette(b *testing.B) {
	g := &gif.GIF{}
	for i := range 200 {
		p := slices.Clone(color.Palette(palette.Plan9))
		p[0] = color.RGBA{uint8(i), 0, 0, 255}
		m := image.NewPaletted(image.Rect(0, 0, 100, 100), p)
		draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 5)
	}
	var data bytes.Buffer
	if err := gif.EncodeAll(&data, g); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		run(b, data.Bytes(), "sepia/contrast:1.2")
	}
}
