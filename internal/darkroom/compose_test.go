package darkroom_test

import (
	"fmt"
	"math"
	"testing"

	"minilab/internal/darkroom"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// plain is one colour all over, channels from 0 to 1.
func plain(width, height int, deep bool, channels ...float64) scene {
	return scene{width: width, height: height, bands: len(channels), deep: deep, at: func(_, _, band int) float64 { return channels[band] }}
}

// with runs a pipeline over the scene, of so many pages, with another one to be laid over it.
func (s scene) with(tb testing.TB, mark scene, text string, pages int) (result, error) {
	tb.Helper()
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
	defer tray.Close()
	sheet := s.sheet(tb, tray, pages)
	tray.Attachments = map[string]*vips.Image{"m": mark.sheet(tb, tray, 1).Image}
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

func (s scene) mustWith(tb testing.TB, mark scene, text string, pages int) result {
	tb.Helper()
	r, err := s.with(tb, mark, text, pages)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return r
}

// pixel is the channels of a scene at its depth, from 0 to 1.
func (s scene) pixel(x, y int) []float64 {
	full := map[bool]float64{false: 255, true: 65535}[s.deep]
	list := make([]float64, s.bands)
	for b := range list {
		list[b] = float64(s.value(x, y, b)) / full
	}
	return list
}

// rgba is a pixel's colour in three channels, and its alpha.
func rgba(p []float64) (c [3]float64, alpha float64) {
	switch len(p) {
	case 1:
		return [3]float64{p[0], p[0], p[0]}, 1
	case 2:
		return [3]float64{p[0], p[0], p[0]}, p[1]
	case 3:
		return [3]float64(p), 1
	}
	return [3]float64(p), p[3]
}

// expect compares every pixel with what want says, in red, green, blue, alpha,
// within so many levels of the depth. The colour of what cannot be seen is free.
func (r result) expect(t *testing.T, deep bool, levels float64, want func(x, y int) ([3]float64, float64)) {
	t.Helper()
	unit := map[bool]float64{false: 255, true: 65535}[deep]
	for y := range r.height {
		for x := range r.width {
			start := (y*r.width + x) * r.bands
			got, alpha := rgba(r.values[start : start+r.bands])
			wantColour, wantAlpha := want(x, y)
			far := math.Abs(alpha-wantAlpha)*unit > levels
			for c := range got {
				far = far || wantAlpha > 0 && math.Abs(got[c]-wantColour[c])*unit > levels
			}
			if far {
				t.Fatalf("at %d,%d: %v with alpha %v, want %v with %v", x, y, got, alpha, wantColour, wantAlpha)
			}
		}
	}
}

// blendModes are the functions B(backdrop, source) of W3C's Compositing and
// Blending Level 1, section 9, written from its text.
var blendModes = map[string]func(b, s float64) float64{
	"over":     func(_, s float64) float64 { return s },
	"multiply": func(b, s float64) float64 { return b * s },
	"screen":   func(b, s float64) float64 { return 1 - (1-b)*(1-s) },
	"overlay":  func(b, s float64) float64 { return hardLight(s, b) },
	"darken":   func(b, s float64) float64 { return math.Min(b, s) },
	"lighten":  func(b, s float64) float64 { return math.Max(b, s) },
	"color-dodge": func(b, s float64) float64 {
		if b == 0 {
			return 0
		}
		if s == 1 {
			return 1
		}
		return math.Min(1, b/(1-s))
	},
	"color-burn": func(b, s float64) float64 {
		if b == 1 {
			return 1
		}
		if s == 0 {
			return 0
		}
		return 1 - math.Min(1, (1-b)/s)
	},
	"hard-light": hardLight,
	"soft-light": func(b, s float64) float64 {
		if s <= 0.5 {
			return b - (1-2*s)*b*(1-b)
		}
		d := math.Sqrt(b)
		if b <= 0.25 {
			d = ((16*b-12)*b + 4) * b
		}
		return b + (2*s-1)*(d-b)
	},
	"difference": func(b, s float64) float64 { return math.Abs(b - s) },
	"exclusion":  func(b, s float64) float64 { return b + s - 2*b*s },
	"add":        nil, // an operator, not a function of colours
}

func hardLight(b, s float64) float64 {
	if s <= 0.5 {
		return b * 2 * s
	}
	s = 2*s - 1
	return b + s - b*s // screen
}

// composited is one pixel over another (section 5.1, and 9.1.14 for lighter).
func composited(mode string, b, s [3]float64, ab, as float64) (c [3]float64, alpha float64) {
	if mode == "add" {
		alpha = math.Min(1, as+ab)
		for i := range c {
			c[i] = math.Min(1, math.Min(1, as*s[i]+ab*b[i])/alpha)
		}
		return c, alpha
	}
	alpha = as + ab*(1-as)
	for i := range c {
		mixed := (1-ab)*s[i] + ab*blendModes[mode](b[i], s[i])
		c[i] = (as*mixed + (1-as)*ab*b[i]) / alpha
	}
	return c, alpha
}

// shades has each of several values of a channel beside each of another one.
func shades(bands int, deep bool, slow bool) scene {
	values := []float64{0, 1. / 255, 0.2, 0.25, 0.4980392, 0.502, 0.75, 254. / 255, 1}
	n := len(values)
	return scene{width: n, height: n, bands: bands, deep: deep, at: func(x, y, band int) float64 {
		i := x
		if slow {
			i = y
		}
		if band == bands-1 && bands%2 == 0 {
			return [3]float64{1, 0.4, 0}[(x+2*y)%3]
		}
		return values[(i+band*2)%n]
	}}
}

func TestWatermarkBlends(t *testing.T) {
	for mode := range blendModes {
		for bands := 1; bands <= 4; bands++ {
			for _, markBands := range []int{1, 2, 3, 4} {
				for _, deep := range []bool{false, true} {
					t.Run(fmt.Sprint(mode, bands, markBands, deep), func(t *testing.T) {
						s, mark := shades(bands, deep, false), shades(markBands, deep, true)
						r := s.mustWith(t, mark, "watermark:m:northwest:0.8:blend="+mode, 1)
						colours := max(bands-1+bands%2, markBands-1+markBands%2)
						if want := colours + 1 - bands%2; r.bands != want {
							t.Fatalf("%d channels became %d, want %d", bands, r.bands, want)
						}
						r.expect(t, deep, 0.51, func(x, y int) ([3]float64, float64) {
							b, ab := rgba(s.pixel(x, y))
							m, as := rgba(mark.pixel(x, y))
							if as == 0 {
								return b, ab
							}
							return composited(mode, b, m, ab, as*0.8)
						})
					})
				}
			}
		}
	}
}
