package darkroom_test

import (
	"fmt"
	"math"
	"testing"

	"minilab/internal/darkroom"
	"minilab/internal/pipeline"
)

// pixel is red, green and blue from 0 to 1; grey has all the same.
type pixel [3]float64

func (p pixel) brightness() float64 { return 0.2126*p[0] + 0.7152*p[1] + 0.0722*p[2] }

func (p pixel) each(f func(v float64) float64) pixel { return pixel{f(p[0]), f(p[1]), f(p[2])} }

func (p pixel) times(m [3][3]float64) (out pixel) {
	for r, row := range m {
		for c, k := range row {
			out[r] += k * p[c]
		}
	}
	return out
}

func grey(v float64) pixel { return pixel{v, v, v} }

// What an operation makes of the channels.
type channels int

const (
	same   channels = iota // grey stays grey, colour colour
	colour                 // grey becomes colour
	mono                   // colour becomes grey
)

// pointwise are operations and what they make of a pixel, before it is kept
// within 0 to 1 and rounded. full is the largest value at the depth.
var pointwise = []struct {
	text  string
	makes channels
	want  func(p pixel, full float64) pixel
}{
	{"swap", same, func(p pixel, _ float64) pixel { return pixel{p[2], p[1], p[0]} }},
	{"swap:gbr", same, func(p pixel, _ float64) pixel { return pixel{p[1], p[2], p[0]} }},
	{"channel:red", mono, func(p pixel, _ float64) pixel { return grey(p[0]) }},
	{"channel:green", mono, func(p pixel, _ float64) pixel { return grey(p[1]) }},
	{"channel:blue", mono, func(p pixel, _ float64) pixel { return grey(p[2]) }},
	{"matrix:0.4,0.4,0.2,-0.3,0.6,1.1,0,0,2.5", colour, func(p pixel, _ float64) pixel {
		return p.times([3][3]float64{{0.4, 0.4, 0.2}, {-0.3, 0.6, 1.1}, {0, 0, 2.5}})
	}},
	{"matrix:100,-100,0,0,-100,100,0.5,0.5,-100", colour, func(p pixel, _ float64) pixel {
		return p.times([3][3]float64{{100, -100, 0}, {0, -100, 100}, {0.5, 0.5, -100}})
	}},
	{"grayscale", mono, func(p pixel, _ float64) pixel { return grey(p.brightness()) }},
	{"sepia", colour, sepia(1)},
	{"sepia:0.3", colour, sepia(0.3)},
	{"sepia:0", colour, sepia(0)},
	{"duotone", colour, duotone(pixel{0x1e, 0x2a, 0x78}, pixel{0xff, 0xd2, 0x3f})},
	{"duotone:ffffff:000000", colour, duotone(pixel{255, 255, 255}, pixel{})},
	{"tint:ff8000", colour, tint(pixel{1, 128. / 255, 0}, 0.5)},
	{"tint:0000ff:1", colour, tint(pixel{0, 0, 1}, 1)},
	{"tint:ffff00:1", colour, tint(pixel{1, 1, 0}, 1)},
	{"tint:808080:1", colour, func(p pixel, _ float64) pixel { return grey(p.brightness()) }},
	{"invert", same, func(p pixel, _ float64) pixel { return p.each(func(v float64) float64 { return 1 - v }) }},
	{"brightness:0.2", same, func(p pixel, _ float64) pixel { return p.each(func(v float64) float64 { return v + 0.2 }) }},
	{"brightness:-1", same, func(pixel, float64) pixel { return pixel{} }},
	{"contrast:2", same, func(p pixel, _ float64) pixel { return p.each(func(v float64) float64 { return 2*v - 0.5 }) }},
	{"contrast:0.3", same, func(p pixel, _ float64) pixel { return p.each(func(v float64) float64 { return 0.35 + 0.3*v }) }},
	{"saturation:1.8", same, saturation(1.8)},
	{"saturation:0", same, saturation(0)},
	{"saturation:1", same, func(p pixel, _ float64) pixel { return p }},
	{"hue:90", same, hue(math.Pi / 2)},
	{"hue:-35", same, hue(-35 * math.Pi / 180)},
	{"gamma:1.6", same, func(p pixel, _ float64) pixel { return p.each(func(v float64) float64 { return math.Pow(v, 1/1.6) }) }},
	{"gamma:0.1", same, func(p pixel, _ float64) pixel { return p.each(func(v float64) float64 { return math.Pow(v, 10) }) }},
	{"levels:0.1:0.9", same, func(p pixel, _ float64) pixel { return p.each(func(v float64) float64 { return (v - 0.1) / 0.8 }) }},
	{"levels:0.2:0.6:2:0.9:0.1", same, func(p pixel, _ float64) pixel {
		return p.each(func(v float64) float64 { return 0.9 - 0.8*math.Sqrt(min(max((v-0.2)/0.4, 0), 1)) })
	}},
	{"curves:0,0,1,1", same, func(p pixel, _ float64) pixel { return p }},
	{"curves:0.25,0.1,0.75,0.3", same, func(p pixel, _ float64) pixel {
		return p.each(func(v float64) float64 { return 0.1 + 0.4*(min(max(v, 0.25), 0.75)-0.25) })
	}},
	{"curves:0,1,1,0:channel=green", colour, func(p pixel, _ float64) pixel { return pixel{p[0], 1 - p[1], p[2]} }},
	{"threshold", mono, threshold(0.5)},
	{"threshold:0.2", mono, threshold(0.2)},
	{"threshold:0", mono, func(pixel, float64) pixel { return grey(1) }},
	{"posterize:3", same, posterize(3)},
	{"posterize:2", same, posterize(2)},
	{"posterize:256", same, posterize(256)},
	{"profile:keep", same, func(p pixel, _ float64) pixel { return p }},
	{"profile:srgb", same, func(p pixel, _ float64) pixel { return p }},
}

func sepia(amount float64) func(pixel, float64) pixel {
	return func(p pixel, _ float64) pixel {
		q := p.times([3][3]float64{{0.393, 0.769, 0.189}, {0.349, 0.686, 0.168}, {0.272, 0.534, 0.131}})
		for i := range q {
			q[i] = p[i] + amount*(q[i]-p[i])
		}
		return q
	}
}

func duotone(dark, light pixel) func(pixel, float64) pixel {
	return func(p pixel, _ float64) (q pixel) {
		for i := range q {
			q[i] = ((1-p.brightness())*dark[i] + p.brightness()*light[i]) / 255
		}
		return q
	}
}

// tint is the blend mode "color" as W3C's Compositing and Blending writes it:
// SetLum and ClipColor.
func tint(c pixel, amount float64) func(pixel, float64) pixel {
	return func(p pixel, _ float64) (q pixel) {
		y := p.brightness()
		s := c.each(func(v float64) float64 { return v + y - c.brightness() })
		least, most := min(s[0], s[1], s[2]), max(s[0], s[1], s[2])
		if least < 0 {
			s = s.each(func(v float64) float64 { return y + (v-y)*y/(y-least) })
		}
		if most > 1 {
			s = s.each(func(v float64) float64 { return y + (v-y)*(1-y)/(most-y) })
		}
		for i := range q {
			q[i] = (1-amount)*p[i] + amount*s[i]
		}
		return q
	}
}

func saturation(amount float64) func(pixel, float64) pixel {
	return func(p pixel, _ float64) pixel {
		return p.each(func(v float64) float64 { return p.brightness() + amount*(v-p.brightness()) })
	}
}

// hue is feColorMatrix hueRotate of W3C's Filter Effects.
func hue(angle float64) func(pixel, float64) pixel {
	sin, cos := math.Sincos(angle)
	var m [3][3]float64
	base := [3]float64{0.213, 0.715, 0.072}
	byCos := [3][3]float64{{0.787, -0.715, -0.072}, {-0.213, 0.285, -0.072}, {-0.213, -0.715, 0.928}}
	bySin := [3][3]float64{{-0.213, -0.715, 0.928}, {0.143, 0.140, -0.283}, {-0.787, 0.715, 0.072}}
	for r := range m {
		for c := range m[r] {
			m[r][c] = base[c] + cos*byCos[r][c] + sin*bySin[r][c]
		}
	}
	return func(p pixel, _ float64) pixel { return p.times(m) }
}

func threshold(level float64) func(pixel, float64) pixel {
	return func(p pixel, full float64) pixel {
		if math.Floor(p.brightness()*full+0.5+1e-9) >= level*full-1e-9 {
			return grey(1)
		}
		return grey(0)
	}
}

func posterize(n float64) func(pixel, float64) pixel {
	return func(p pixel, _ float64) pixel {
		return p.each(func(v float64) float64 { return min(math.Floor(v*n+1e-9), n-1) / (n - 1) })
	}
}

// motley has all values of 8 bits in each channel, in ever other company, and
// the corners of the cube of colours.
func motley(bands int, deep bool) scene {
	return scene{width: 256, height: 6, bands: bands, deep: deep, at: func(x, y, b int) float64 {
		v := float64((x*(2*b+1) + 37*b*y + 11*y) % 256)
		switch {
		case y == 0 && x < 16:
			return float64(x >> b & 1)
		case deep:
			return (v*256 + float64((x*7+y*31+b*101)%256)) / 65535
		}
		return v / 255
	}}
}

// pixelAt is a pixel of the scene as it is at its depth.
func (s scene) pixelAt(x, y int) (p pixel) {
	for i := range p {
		p[i] = float64(s.value(x, y, min(i, (s.bands-1)/2*2))) / s.full()
	}
	return p
}

func (s scene) full() float64 { return map[bool]float64{false: 255, true: 65535}[s.deep] }

// alphaAt is 1 where there is none.
func (s scene) alphaAt(x, y int) float64 {
	if s.bands%2 == 1 {
		return 1
	}
	return float64(s.value(x, y, s.bands-1)) / s.full()
}

// TestColourPointwise: each pixel is the formula's, rounded (a half may go
// either way here), alpha is as it was, at each depth, number of channels and
// of pages.
func TestColourPointwise(t *testing.T) {
	for _, op := range pointwise {
		for _, deep := range []bool{false, true} {
			for bands := 1; bands <= 4; bands++ {
				for _, pages := range []int{1, 3} {
					t.Run(fmt.Sprintf("%s/%d channels/deep %v/%d pages", op.text, bands, deep, pages), func(t *testing.T) {
						s := motley(bands, deep)
						r, err := s.apply(t, op.text, pages)
						if err != nil {
							t.Fatal(err)
						}
						if want := op.makes.bands(bands); r.bands != want || r.width != s.width || r.height != s.height || r.pages != pages {
							t.Fatalf("%d x %d x %d on %d pages, want %d channels", r.width, r.height, r.bands, r.pages, want)
						}
						mustBe(t, s, r, op.want)
					})
				}
			}
		}
	}
}

func (c channels) bands(before int) int {
	alpha := (before + 1) % 2
	switch {
	case c == colour || c == same && before > 2:
		return 3 + alpha
	}
	return 1 + alpha
}

// mustBe compares colours with the formula, and alpha with what it was.
func mustBe(t *testing.T, s scene, r result, want func(p pixel, full float64) pixel) {
	t.Helper()
	full := s.full()
	for y := range s.height {
		for x := range s.width {
			p := s.pixelAt(x, y)
			exact := want(p, full)
			for b := range r.bands - (r.bands+1)%2 {
				e := min(max(exact[b], 0), 1) * full
				if got := r.at(x, y, b) * full; math.Abs(got-e) > 0.5+1e-6 {
					t.Fatalf("%v at %d,%d: channel %d is %v, want %v", p, x, y, b, got, e)
				}
			}
			if a := s.alphaAt(x, y); r.bands%2 == 0 && math.Abs(r.at(x, y, r.bands-1)-a) > 1e-9 {
				t.Fatalf("alpha at %d,%d is %v, want %v", x, y, r.at(x, y, r.bands-1), a)
			}
		}
	}
}

// TestHalvesAreRoundedUp by tables and by matrices, whatever the sums make of
// them on the way: 0.1 red + 0.7 green + 0.2 blue is often a little less.
func TestHalvesAreRoundedUp(t *testing.T) {
	for _, deep := range []bool{false, true} {
		s := motley(3, deep)
		full := int(s.full())
		for text, twentieths := range map[string]func(c [3]int) int{
			"contrast:2":                     func(c [3]int) int { return 40*c[0] - 10*full },
			"brightness:0.1":                 func(c [3]int) int { return 20*c[0] + 2*full },
			"matrix:0.1,0.7,0.2,0,1,0,0,0,1": func(c [3]int) int { return 2*c[0] + 14*c[1] + 4*c[2] },
			"matrix:0.5,0,0,0,1,0,0,0,1":     func(c [3]int) int { return 10 * c[0] },
		} {
			r := s.must(t, text)
			for i := range s.width * s.height {
				x, y := i%s.width, i/s.width
				c := [3]int{int(s.value(x, y, 0)), int(s.value(x, y, 1)), int(s.value(x, y, 2))}
				want := min(max(twentieths(c)+10, 0)/20, full)
				if got := int(math.Round(r.at(x, y, 0) * s.full())); got != want {
					t.Fatalf("%s of %v (deep: %v) is %v, want %v", text, c, deep, got, want)
				}
			}
		}
	}
}

func TestMatrixWithAlpha(t *testing.T) {
	m := [4][4]float64{{1, 0, 0, -0.5}, {0, 0.5, 0.5, 0}, {0.2, 0, 0, 0.7}, {0.3, 0.3, 0.3, 0.1}}
	const text = "matrix:1,0,0,-0.5,0,0.5,0.5,0,0.2,0,0,0.7,0.3,0.3,0.3,0.1"
	for _, deep := range []bool{false, true} {
		for bands := 1; bands <= 4; bands++ {
			s := motley(bands, deep)
			r := s.must(t, text)
			if r.bands != 4 {
				t.Fatalf("%d channels", r.bands)
			}
			for i := range s.width * s.height {
				x, y := i%s.width, i/s.width
				p, a := s.pixelAt(x, y), s.alphaAt(x, y)
				for b, row := range m {
					e := min(max(row[0]*p[0]+row[1]*p[1]+row[2]*p[2]+row[3]*a, 0), 1) * s.full()
					if got := r.at(x, y, b) * s.full(); math.Abs(got-e) > 0.5+1e-6 {
						t.Fatalf("%d channels: %v, %v at %d,%d: channel %d is %v, want %v", bands, p, a, x, y, b, got, e)
					}
				}
			}
		}
	}
}

func TestChannelAlpha(t *testing.T) {
	for _, deep := range []bool{false, true} {
		for bands := 1; bands <= 4; bands++ {
			s := motley(bands, deep)
			r := s.must(t, "channel:alpha")
			if r.bands != 1 {
				t.Fatalf("%d channels", r.bands)
			}
			for i := range s.width * s.height {
				if x, y := i%s.width, i/s.width; math.Abs(r.at(x, y, 0)-s.alphaAt(x, y)) > 1e-9 {
					t.Fatalf("%d channels: %v at %d,%d, want %v", bands, r.at(x, y, 0), x, y, s.alphaAt(x, y))
				}
			}
		}
	}
}

// TestOnePixel: what a pixel becomes does not depend on how many there are.
func TestOnePixel(t *testing.T) {
	whole := motley(4, false)
	for _, op := range pointwise {
		all := whole.must(t, op.text)
		for x := 20; x < 256; x += 47 {
			one := whole
			one.width, one.height = 1, 1
			one.at = func(_, _, b int) float64 { return whole.at(x, 5, b) }
			r := one.must(t, op.text)
			for b := range r.bands {
				if math.Abs(r.at(0, 0, b)-all.at(x, 5, b)) > 1e-9 {
					t.Errorf("%s: channel %d is %v alone, %v among others", op.text, b, r.at(0, 0, b), all.at(x, 5, b))
				}
			}
		}
	}
}

// TestRowsAreFused: tables in a row, and swaps in a row, give what they give one
// by one, for every value; and they are done as one.
func TestRowsAreFused(t *testing.T) {
	for _, text := range []string{
		"brightness:0.1/contrast:1.7/gamma:0.7/levels:0.05:0.9/curves:0,0.1,0.4,0.3,1,1/invert/posterize:9",
		"gamma:3/curves:0,1,1,0:green/gamma:0.4/curves:0,0,0.5,0.9,1,1:blue",
		"swap:gbr/swap/swap:grb/swap:brg",
	} {
		for _, deep := range []bool{false, true} {
			for bands := 3; bands <= 4; bands++ {
				every := scene{width: 256, height: 256, bands: bands, deep: deep, at: func(x, y, b int) float64 {
					v := (y*256 + x + 9999*b) % 65536
					if !deep {
						return float64(v%256) / 255
					}
					return float64(v) / 65535
				}}
				fused, one := every.fused(t, text), every.unfused(t, text)
				for i, v := range one.values {
					if fused.values[i] != v {
						t.Fatalf("%s (deep: %v): value %d is %v, one by one %v", text, deep, i, fused.values[i], v)
					}
				}
			}
		}
	}
}

func (s scene) fused(t *testing.T, text string) result {
	t.Helper()
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
	defer tray.Close()
	sheet := s.sheet(t, tray, 1)
	before := sheet.Image
	for _, step := range parsed(t, text) {
		if err := sheet.Apply(step); err != nil {
			t.Fatal(err)
		}
	}
	if darkroom.FusedFrom(sheet) != before {
		t.Errorf("%s is not done as one", text)
	}
	return read(t, sheet)
}

// unfused computes the pixels after each step.
func (s scene) unfused(t *testing.T, text string) result {
	t.Helper()
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
	defer tray.Close()
	sheet := s.sheet(t, tray, 1)
	for _, step := range parsed(t, text) {
		if err := sheet.Apply(step); err != nil {
			t.Fatal(err)
		}
		if err := sheet.Settled(); err != nil {
			t.Fatal(err)
		}
	}
	return read(t, sheet)
}

func parsed(tb testing.TB, text string) pipeline.Pipeline {
	tb.Helper()
	p, err := pipeline.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestFusionEndsWhereAnotherReads: a clone goes on by itself.
func TestFusionEndsWhereAnotherReads(t *testing.T) {
	s := motley(3, false)
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
	defer tray.Close()
	sheet := s.sheet(t, tray, 1)
	for _, step := range parsed(t, "brightness:0.3") {
		if err := sheet.Apply(step); err != nil {
			t.Fatal(err)
		}
	}
	clone, err := sheet.Clone()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range parsed(t, "invert") {
		if err := clone.Apply(step); err != nil {
			t.Fatal(err)
		}
	}
	mustBe(t, s, read(t, sheet), func(p pixel, _ float64) pixel { return p.each(func(v float64) float64 { return v + 0.3 }) })
	mustBe(t, s, read(t, clone), func(p pixel, _ float64) pixel {
		return p.each(func(v float64) float64 { return 1 - min(v+0.3, 1) })
	})
}
