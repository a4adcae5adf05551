package darkroom_test

import (
	"errors"
	"math"
	"testing"

	"minilab/internal/darkroom"
	"minilab/internal/engine/wire"
	"minilab/internal/fault"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// TestWatermarkStands: at each gravity, away from its edges by offsets, cut off
// at the image's edges, and nothing else changes.
func TestWatermarkStands(t *testing.T) {
	const w, h, mw, mh = 40, 30, 11, 8
	for text, at := range map[string][2]int{
		"watermark:m":                          {w - mw, h - mh},
		"watermark:m:northwest":                {0, 0},
		"watermark:m:north:x=2:y=3":            {(w-mw)/2 + 2, 3},
		"watermark:m:northeast:x=2:y=3":        {w - mw - 2, 3},
		"watermark:m:east:x=5:y=-4":            {w - mw - 5, (h-mh)/2 - 4},
		"watermark:m:southeast:x=10p:y=20p":    {w - mw - 4, h - mh - 6},
		"watermark:m:south:x=-7":               {(w-mw)/2 - 7, h - mh},
		"watermark:m:southwest:x=1:y=1":        {1, h - mh - 1},
		"watermark:m:west:x=-3":                {-3, (h - mh) / 2},
		"watermark:m:center":                   {(w - mw) / 2, (h - mh) / 2},
		"watermark:m:northwest:x=-5:y=-50p":    {-5, -h / 2},
		"watermark:m:southeast:x=-5:y=-7":      {w - mw + 5, h - mh + 7},
		"watermark:m:southeast:x=-1000:y=-100": {w - mw + 1000, h - mh + 100},
	} {
		for _, pages := range []int{1, 3} {
			s, mark := gradients(w, h*pages, 3, false), gradients(mw, mh, 3, false)
			r := s.mustWith(t, mark, text, pages)
			if r.width != w || r.height != h*pages || r.bands != 3 {
				t.Fatalf("%s: the image has become %d x %d x %d", text, r.width, r.height, r.bands)
			}
			r.expect(t, false, 0, func(x, y int) ([3]float64, float64) {
				if mx, my := x-at[0], y%h-at[1]; mx >= 0 && my >= 0 && mx < mw && my < mh {
					return rgba(mark.pixel(mx, my))
				}
				return rgba(s.pixel(x, y))
			})
		}
	}
}

// TestWatermarkTiles: copies lie side by side in all directions from where one
// stands, on every page.
func TestWatermarkTiles(t *testing.T) {
	const w, h = 150, 90
	for _, size := range [][2]int{{1, 1}, {1, 70}, {7, 5}, {64, 64}, {200, 100}} {
		for _, place := range []string{"northwest:x=3:y=2", "southeast", "center:x=-1000"} {
			for _, pages := range []int{1, 2} {
				s, mark := gradients(w, h*pages, 3, false), gradients(size[0], size[1], 4, false)
				r := s.mustWith(t, mark, "watermark:m:"+place+":tile", pages)
				left, top := 3, 2
				switch place {
				case "southeast":
					left, top = w-size[0], h-size[1]
				case "center:x=-1000":
					left, top = floorHalf(w-size[0])-1000, floorHalf(h-size[1])
				}
				r.expect(t, false, 0.51, func(x, y int) ([3]float64, float64) {
					b, _ := rgba(s.pixel(x, y))
					m, as := rgba(mark.pixel(modulo(x-left, size[0]), modulo(y%h-top, size[1])))
					return composited("over", b, m, 1, as)
				})
			}
		}
	}
}

func floorHalf(n int) int { return n / 2 }

func modulo(a, n int) int { return ((a % n) + n) % n }

// TestWatermarkScale: its width is a share of the image's, its shape stays, and
// what is invisible in it does not show at its edges.
func TestWatermarkScale(t *testing.T) {
	s := plain(400, 200, false, 0, 0, 0)
	mark := scene{width: 50, height: 50, bands: 4, at: func(x, _, band int) float64 {
		if x < 25 {
			return [4]float64{1, 0, 0, 1}[band]
		}
		return [4]float64{0, 1, 0, 0}[band] // green that cannot be seen
	}}
	for scale, width := range map[string]int{"0.25": 100, "0.125": 50, "0.05": 20, "1": 400} {
		r := s.mustWith(t, mark, "watermark:m:northwest:scale="+scale, 1)
		red := 0.
		for y := range r.height {
			for x := range r.width {
				if g := r.at(x, y, 1); g > 0 {
					t.Fatalf("scale %s: at %d,%d there is %.3f of the green that cannot be seen", scale, x, y, g)
				}
				red += r.at(x, y, 0)
			}
		}
		want := float64(width) / 2 * float64(min(width, r.height))
		if math.Abs(red-want) > 0.02*want {
			t.Errorf("scale %s: %.0f pixels are red, want %.0f", scale, red, want)
		}
	}
}

// TestWatermarkDepths: each depth is laid over each other one, at the image's.
func TestWatermarkDepths(t *testing.T) {
	for _, deep := range []bool{false, true} {
		s, mark := gradients(20, 20, 4, deep), gradients(20, 20, 4, !deep)
		r := s.mustWith(t, mark, "watermark:m:opacity=0.5", 1)
		r.expect(t, deep, 1.01, func(x, y int) ([3]float64, float64) {
			b, ab := rgba(s.pixel(x, y))
			m, as := rgba(mark.pixel(x, y))
			return composited("over", b, m, ab, as*0.5)
		})
	}
}

// TestWatermarkKeepsItsOwn: what the watermark's file tells does not get into
// the result, its orientation is followed, and its profile.
func TestWatermarkKeepsItsOwn(t *testing.T) {
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 20})
	defer tray.Close()
	sheet := plain(30, 30, false, 0, 0, 0).sheet(t, tray, 1)
	mark := gradients(10, 20, 3, true).sheet(t, tray, 1)
	p3, err := mark.Call("icc_transform", vips.Options{"output_profile": "p3", "input_profile": "srgb", "intent": "relative", "depth": 16})
	if err != nil {
		t.Fatal(err)
	}
	tray.Keep(p3).SetInt("orientation", 6)
	p3.SetText("exif-ifd3-GPSLatitude", "48/1 (Rational)")
	tray.Attachments = map[string]*vips.Image{"m": p3}
	if err := sheet.Apply(step(t, "watermark:m:northwest")); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"exif-ifd3-GPSLatitude", "orientation", "icc-profile-data"} {
		if _, ok := sheet.Text(field); ok {
			t.Errorf("the result has the watermark's %s", field)
		}
	}
	s, r := gradients(10, 20, 3, false), read(t, sheet)
	r.expect(t, false, 1.6, func(x, y int) ([3]float64, float64) {
		if x >= 20 || y >= 10 {
			return [3]float64{}, 1
		}
		return rgba(s.pixel(y, 19-x)) // turned clockwise
	})
}

// TestWatermarkTakesTheImagesProfile: what is laid over an image of another
// colour space looks as it did.
func TestWatermarkTakesTheImagesProfile(t *testing.T) {
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 20})
	defer tray.Close()
	s := gradients(16, 16, 3, false)
	p3, err := s.sheet(t, tray, 1).Call("icc_transform", vips.Options{"output_profile": "p3", "input_profile": "srgb", "intent": "relative"})
	if err != nil {
		t.Fatal(err)
	}
	want := read(t, tray.Sheet(tray.Keep(p3), 1))
	black, err := p3.Call("linear", vips.Options{"a": []float64{0}, "b": []float64{0}, "uchar": true})
	if err != nil {
		t.Fatal(err)
	}
	tray.Keep(black)
	for _, mark := range []*vips.Image{s.sheet(t, tray, 1).Image, p3} {
		sheet := tray.Sheet(black, 1)
		tray.Attachments = map[string]*vips.Image{"m": mark}
		if err := sheet.Apply(step(t, "watermark:m")); err != nil {
			t.Fatal(err)
		}
		r := read(t, sheet)
		r.expect(t, false, 2, func(x, y int) ([3]float64, float64) {
			return [3]float64{want.at(x, y, 0), want.at(x, y, 1), want.at(x, y, 2)}, 1
		})
	}
}

func step(t *testing.T, text string) pipeline.Step {
	t.Helper()
	p, err := pipeline.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p[0]
}

func TestWatermarkRefusals(t *testing.T) {
	s, mark := plain(100, 100, false, 0.5), plain(10, 1000, false, 1)
	if _, err := s.with(t, mark, "watermark:other", 1); fault.KindOf(err) != fault.Internal {
		t.Errorf("an image that was not handed over: %v", err)
	}
	if _, err := s.with(t, plain(1, 1000, false, 1), "watermark:m:scale=10", 1); !errors.Is(err, wire.ErrOutputTooLarge) {
		t.Errorf("a watermark of 1000 x 1000000 pixels: %v", err)
	}
}

// TestBorder is exact, also on each of several pages.
func TestBorder(t *testing.T) {
	for _, c := range []struct {
		text          string
		s             scene
		pages, width  int
		bands         int
		colour        [3]float64
		alpha         float64
		width2height2 [2]int
	}{
		{"border", gradients(20, 12, 3, false), 1, 10, 3, [3]float64{}, 1, [2]int{40, 32}},
		{"border:3:white", gradients(20, 12, 1, true), 1, 3, 1, [3]float64{1, 1, 1}, 1, [2]int{26, 18}},
		{"border:50p:ff0000", gradients(20, 12, 1, false), 1, 6, 3, [3]float64{1, 0, 0}, 1, [2]int{32, 24}},
		{"border:1:00800080", gradients(20, 12, 3, true), 1, 1, 4, [3]float64{0, 128. / 255, 0}, 128. / 255, [2]int{22, 14}},
		{"border:2:0000ff", gradients(20, 36, 4, false), 3, 2, 4, [3]float64{0, 0, 1}, 1, [2]int{24, 48}},
		{"border:0p", gradients(20, 12, 3, false), 1, 0, 3, [3]float64{}, 1, [2]int{20, 12}},
	} {
		r, err := c.s.apply(t, c.text, c.pages)
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		if r.width != c.width2height2[0] || r.height != c.width2height2[1] || r.bands != c.bands {
			t.Fatalf("%s: %d x %d x %d", c.text, r.width, r.height, r.bands)
		}
		page, inner := r.height/c.pages, c.s.height/c.pages
		r.expect(t, c.s.deep, 0, func(x, y int) ([3]float64, float64) {
			sx, sy := x-c.width, y%page-c.width
			if sx < 0 || sy < 0 || sx >= c.s.width || sy >= inner {
				return c.colour, c.alpha
			}
			return rgba(c.s.pixel(sx, y/page*inner+sy))
		})
	}
	if _, err := gradients(1000, 1000, 3, false).apply(t, "border:10000", 1); !errors.Is(err, wire.ErrOutputTooLarge) {
		t.Errorf("a border of 10000 pixels: %v", err)
	}
}

// TestBackground follows the formula of "over" to the nearest level.
func TestBackground(t *testing.T) {
	for text, c := range map[string][4]float64{
		"background":          {1, 1, 1, 1},
		"background:336699":   {0.2, 0.4, 0.6, 1},
		"background:33669980": {0.2, 0.4, 0.6, 128. / 255},
		"background:808080":   {128. / 255, 128. / 255, 128. / 255, 1},
		"background:00000000": {0, 0, 0, 0},
	} {
		for bands := 1; bands <= 4; bands++ {
			for _, deep := range []bool{false, true} {
				s := shades(bands, deep, false)
				r, err := s.apply(t, text, 3)
				if err != nil {
					t.Fatal(err)
				}
				opaque := bands%2 == 1 || c[3] == 1
				if r.bands%2 == 0 == opaque || r.pages != 3 {
					t.Fatalf("%s: %d channels became %d", text, bands, r.bands)
				}
				r.expect(t, deep, 0.51, func(x, y int) ([3]float64, float64) {
					m, as := rgba(s.pixel(x, y))
					if as == 1 || c[3] == 0 {
						return m, as
					}
					return composited("over", [3]float64(c[:3]), m, c[3], as)
				})
			}
		}
	}
}
