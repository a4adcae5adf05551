package darkroom_test

import (
	"encoding/binary"
	"image"
	"image/color"
	"math"
	"testing"

	"minilab/internal/darkroom"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// scene is pixels that a test knows: channels of 8 or 16 bits, row by row.
type scene struct {
	width, height, bands int // 1 grey, 2 with alpha, 3 colour, 4 with alpha
	deep                 bool
	at                   func(x, y, band int) float64 // 0 to 1
}

// value is a channel of a pixel as the depth has it.
func (s scene) value(x, y, band int) uint16 {
	full := 255.0
	if s.deep {
		full = 65535
	}
	return uint16(math.Round(s.at(x, y, band) * full))
}

// sheet makes the scene an image of the library, of so many pages one above the other.
func (s scene) sheet(tb testing.TB, tray *darkroom.Tray, pages int) *darkroom.Sheet {
	tb.Helper()
	if err := vips.Init(); err != nil {
		tb.Fatal(err)
	}
	bytes := 1
	if s.deep {
		bytes = 2
	}
	var data []byte
	for y := range s.height {
		for x := range s.width {
			for b := range s.bands {
				v := s.value(x, y, b)
				data = append(data, byte(v))
				if s.deep {
					data = append(data, byte(v>>8))
				}
			}
		}
	}
	m, err := vips.OfPixels(data, s.width, s.height, s.bands, bytes)
	if err != nil {
		tb.Fatal(err)
	}
	space := map[bool][2]string{false: {"b-w", "srgb"}, true: {"grey16", "rgb16"}}[s.deep][s.bands/3]
	named, err := tray.Keep(m).Call("copy", vips.Options{"interpretation": space})
	if err != nil {
		tb.Fatal(err)
	}
	return tray.Sheet(tray.Keep(named), pages)
}

// result is what a pipeline has made: channels from 0 to 1.
type result struct {
	width, height, bands, pages int
	values                      []float64
}

func (r result) at(x, y, band int) float64 { return r.values[(y*r.width+x)*r.bands+band] }

// colour is a pixel with alpha, not premultiplied.
func (r result) colour(x, y int) color.NRGBA {
	v := func(band int) uint8 { return uint8(math.Round(r.at(x, y, band) * 255)) }
	switch r.bands {
	case 1:
		return color.NRGBA{v(0), v(0), v(0), 255}
	case 2:
		return color.NRGBA{v(0), v(0), v(0), v(1)}
	case 3:
		return color.NRGBA{v(0), v(1), v(2), 255}
	}
	return color.NRGBA{v(0), v(1), v(2), v(3)}
}

// image is the result for Go's packages to look at.
func (r result) image() image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, r.width, r.height))
	for y := range r.height {
		for x := range r.width {
			m.SetNRGBA(x, y, r.colour(x, y))
		}
	}
	return m
}

// apply runs a pipeline in text form over the scene.
func (s scene) apply(tb testing.TB, text string, pages int) (result, error) {
	tb.Helper()
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
	defer tray.Close()
	sheet := s.sheet(tb, tray, pages)
	steps, err := pipeline.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	for _, step := range steps {
		if err := sheet.Apply(step); err != nil {
			return result{}, err
		}
	}
	return read(tb, sheet), nil
}

// must is apply for what goes well, of one page.
func (s scene) must(tb testing.TB, text string) result {
	tb.Helper()
	r, err := s.apply(tb, text, 1)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return r
}

func read(tb testing.TB, sheet *darkroom.Sheet) result {
	tb.Helper()
	data, err := sheet.Pixels()
	if err != nil {
		tb.Fatal(err)
	}
	r := result{width: sheet.Width(), height: sheet.Height(), bands: sheet.Bands(), pages: sheet.Pages}
	switch sheet.Bits() {
	case 8:
		for _, v := range data {
			r.values = append(r.values, float64(v)/255)
		}
	case 16:
		for ; len(data) > 0; data = data[2:] {
			r.values = append(r.values, float64(binary.LittleEndian.Uint16(data))/65535)
		}
	default:
		tb.Fatalf("the sheet has %d bits a channel", sheet.Bits())
	}
	return r
}

// gradients has a different slope in each channel.
func gradients(width, height, bands int, deep bool) scene {
	return scene{width: width, height: height, bands: bands, deep: deep, at: func(x, y, band int) float64 {
		u, v := float64(x)/float64(max(width-1, 1)), float64(y)/float64(max(height-1, 1))
		return [4]float64{u, v, (u + 1 - v) / 2, 0.2 + 0.6*u*v}[band]
	}}
}

// TestPointwiseWithoutChange: what is done twice is undone, at every depth, with
// and without alpha, which stays as it is.
func TestPointwiseWithoutChange(t *testing.T) {
	for bands := 1; bands <= 4; bands++ {
		for _, deep := range []bool{false, true} {
			s := gradients(17, 13, bands, deep)
			for _, text := range []string{"swap/swap", "invert/invert", "flip/flip", "flop/flop"} {
				r := s.must(t, text)
				for y := range s.height {
					for x := range s.width {
						for b := range bands {
							full := map[bool]float64{false: 255, true: 65535}[deep]
							if got, want := r.at(x, y, b), float64(s.value(x, y, b))/full; math.Abs(got-want) > 1e-9 {
								t.Fatalf("%s of %d bands (deep: %v): channel %d at %d,%d is %v, want %v", text, bands, deep, b, x, y, got, want)
							}
						}
					}
				}
			}
		}
	}
}

// TestEveryOperationIsDone: what is declared is done here, or while the image is
// read or written.
func TestEveryOperationIsDone(t *testing.T) {
	for _, op := range pipeline.Ops() {
		if elsewhere := op.Group == pipeline.Input || op.Format(); darkroom.Knows(op.Name) == elsewhere {
			t.Errorf("%s: done here: %v", op.Name, darkroom.Knows(op.Name))
		}
	}
}
