package develop_test

import (
	"bytes"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"reflect"
	"testing"
)

// film is an animated GIF with tables of its own for some frames, frames that
// cover a part only, holes, delays of all lengths and a loop count.
func film(tb testing.TB) (*gif.GIF, []byte) {
	tb.Helper()
	g := &gif.GIF{LoopCount: 7, Config: image.Config{ColorModel: color.Palette(palette.Plan9), Width: 40, Height: 30}}
	tables := []color.Palette{palette.Plan9, palette.WebSafe, {color.RGBA{250, 20, 40, 255}, color.RGBA{}, color.RGBA{3, 2, 1, 255}}}
	for i, p := range tables {
		m := image.NewPaletted(image.Rect(i, 2*i, 40-i, 30-i), p)
		for j := range m.Pix {
			m.Pix[j] = uint8((j * (i + 3)) % len(p))
		}
		g.Image = append(g.Image, m)
		g.Delay = append(g.Delay, 5*i)
		g.Disposal = append(g.Disposal, byte(i+1))
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		tb.Fatal(err)
	}
	return g, b.Bytes()
}

func TestGIFIsExact(t *testing.T) {
	_, data := film(t)
	before, err := gif.DecodeAll(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range permutations[1:] {
		out, result := run(t, data, "swap:"+order)
		if result.Facts.Pages != 3 || result.Facts.Width != 40 || result.Facts.Height != 30 {
			t.Errorf("facts are %+v", result.Facts)
		}
		after, err := gif.DecodeAll(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range after.Image {
			mustEqual(t, m, reference(before.Image[i], order))
		}
		if !reflect.DeepEqual(after.Delay, before.Delay) || !reflect.DeepEqual(after.Disposal, before.Disposal) ||
			after.LoopCount != before.LoopCount || len(out) != len(data) {
			t.Errorf("delays %v, disposal %v, loop %d, size %d", after.Delay, after.Disposal, after.LoopCount, len(out))
		}
	}
}
