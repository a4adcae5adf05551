package darkroom_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"minilab/internal/darkroom"
	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
)

// kinds are the four kinds of sheets at both depths.
func kinds(f func(bands int, deep bool)) {
	for bands := 1; bands <= 4; bands++ {
		f(bands, false)
		f(bands, true)
	}
}

// source says which pixel of the source one of the result is; not ok: it is background.
type source func(x, y int) (sx, sy int, ok bool)

// mustMove runs a pipeline over a scene of every kind and compares each pixel
// exactly with that of the source.
func mustMove(t *testing.T, w, h int, text string, width, height int, from source) {
	t.Helper()
	kinds(func(bands int, deep bool) {
		s := gradients(w, h, bands, deep)
		s.mustBe(t, s.must(t, text), text, width, height, from)
	})
}

func (s scene) mustBe(t *testing.T, r result, text string, width, height int, from source) {
	t.Helper()
	if r.width != width || r.height != height {
		t.Errorf("%s of %d x %d makes %d x %d, want %d x %d", text, s.width, s.height, r.width, r.height, width, height)
		return
	}
	for y := range height {
		for x := range width {
			sx, sy, ok := from(x, y)
			for b := range min(s.bands, r.bands) {
				if !ok {
					continue
				}
				if got, want := r.at(x, y, b), s.rounded(sx, sy, b); math.Abs(got-want) > 1e-9 {
					t.Errorf("%s of %d bands (deep: %v): channel %d at %d,%d is %v, want %v", text, s.bands, s.deep, b, x, y, got, want)
					return
				}
			}
		}
	}
}

// rounded is a channel of a pixel, from 0 to 1, as far as the depth holds it.
func (s scene) rounded(x, y, band int) float64 {
	if s.deep {
		return float64(s.value(x, y, band)) / 65535
	}
	return float64(s.value(x, y, band)) / 255
}

func part(left, top int) source {
	return func(x, y int) (int, int, bool) { return x + left, y + top, true }
}

// TestCropTakesTheRightPixels: of an image of 17 x 12.
func TestCropTakesTheRightPixels(t *testing.T) {
	for text, want := range map[string][4]int{ // left, top, width, height
		"crop:4x3":                          {6, 4, 4, 3},
		"crop:5x3":                          {6, 4, 5, 3},
		"crop:4x3:north":                    {6, 0, 4, 3},
		"crop:4x3:northeast":                {13, 0, 4, 3},
		"crop:4x3:east":                     {13, 4, 4, 3},
		"crop:4x3:southeast":                {13, 9, 4, 3},
		"crop:4x3:south":                    {6, 9, 4, 3},
		"crop:4x3:southwest":                {0, 9, 4, 3},
		"crop:4x3:west":                     {0, 4, 4, 3},
		"crop:4x3:northwest":                {0, 0, 4, 3},
		"crop:4x0":                          {6, 0, 4, 12},
		"crop:0x5:south":                    {0, 7, 17, 5},
		"crop:400x500":                      {0, 0, 17, 12},
		"crop:50px50p:northwest":            {0, 0, 9, 6}, // 8.5 is 9
		"crop:4x3:x=2:y=5":                  {2, 5, 4, 3},
		"crop:4x3:south:x=2":                {2, 9, 4, 3},
		"crop:4x3:x=16:y=11":                {16, 11, 1, 1},
		"crop:width=4:x=50p":                {9, 0, 4, 12},
		"crop:1px1p:northwest":              {0, 0, 1, 1},
		"crop:aspect=1,1":                   {2, 0, 12, 12},
		"crop:aspect=2,1:gravity=south":     {0, 3, 17, 9}, // 8.5 is 9
		"crop:8x0:northwest:aspect=2,1":     {0, 0, 8, 4},
		"crop:aspect=1,1:x=10:y=0":          {10, 0, 7, 7},
		"crop:4x4:focal=0.5,0.5":            {7, 4, 4, 4}, // 8.5 - 2 is 7
		"crop:4x4:focal=0,1":                {0, 8, 4, 4},
		"crop:4x4:focal=0.9,0.1":            {13, 0, 4, 4},
		"crop:10x8:northwest/crop:2x2:east": {8, 3, 2, 2},
	} {
		mustMove(t, 17, 12, text, want[2], want[3], part(want[0], want[1]))
	}
}

func TestCropOutsideIsAnError(t *testing.T) {
	for _, text := range []string{"crop:4x3:x=17", "crop:4x3:y=12", "crop:4x3:x=100p", "crop:4x4/crop:1x1:x=5"} {
		_, err := gradients(17, 12, 3, false).apply(t, text, 1)
		if !errors.Is(err, wire.ErrOperation) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestCropSmartFindsWhatStandsOut: one spot in a plain image; the crop of every
// page is that of the first.
func TestCropSmartFindsWhatStandsOut(t *testing.T) {
	for _, by := range []string{"smart", "attention", "entropy"} {
		for _, deep := range []bool{false, true} {
			s := scene{width: 120, height: 80, bands: 3, deep: deep, at: func(x, y, band int) float64 {
				if x >= 90 && x < 110 && y >= 50 && y < 70 {
					return [3]float64{float64(x*y%7) / 7, 0.3, float64(y%2) / 4}[band]
				}
				return 0.5
			}}
			r := s.must(t, "crop:40x40:"+by)
			if r.width != 40 || r.height != 40 {
				t.Fatalf("%s: %d x %d", by, r.width, r.height)
			}
			plain := 0
			for _, v := range r.values {
				if math.Abs(v-0.5) < 0.01 {
					plain++
				}
			}
			if got := len(r.values) - plain; got < 3*400*8/10 {
				t.Errorf("%s (deep: %v): %d channels are of the spot, which has 1200", by, deep, got)
			}
		}
	}
}

func TestQuarterTurnsLoseNothing(t *testing.T) {
	const w, h = 17, 12
	right := func(x, y int) (int, int, bool) { return y, h - 1 - x, true }
	left := func(x, y int) (int, int, bool) { return w - 1 - y, x, true }
	around := func(x, y int) (int, int, bool) { return w - 1 - x, h - 1 - y, true }
	for angle, from := range map[string]source{"90": right, "-270": right, "270": left, "-90": left} {
		mustMove(t, w, h, "rotate:"+angle, h, w, from)
	}
	for angle, from := range map[string]source{"180": around, "-180": around, "0": part(0, 0), "360": part(0, 0), "-360": part(0, 0)} {
		mustMove(t, w, h, "rotate:"+angle, w, h, from)
	}
}

// TestOrientations: Exif's table of what the first row and column are.
func TestOrientations(t *testing.T) {
	const w, h = 17, 12
	for to, from := range map[int]source{
		1: part(0, 0),
		2: func(x, y int) (int, int, bool) { return w - 1 - x, y, true },
		3: func(x, y int) (int, int, bool) { return w - 1 - x, h - 1 - y, true },
		4: func(x, y int) (int, int, bool) { return x, h - 1 - y, true },
		5: func(x, y int) (int, int, bool) { return y, x, true },
		6: func(x, y int) (int, int, bool) { return y, h - 1 - x, true },
		7: func(x, y int) (int, int, bool) { return w - 1 - y, h - 1 - x, true },
		8: func(x, y int) (int, int, bool) { return w - 1 - y, x, true },
	} {
		width, height := w, h
		if to >= 5 {
			width, height = h, w
		}
		mustMove(t, w, h, fmt.Sprintf("orient:%d", to), width, height, from)
		mustMove(t, w, h, fmt.Sprintf("orient:%d/orient", to), width, height, from)
	}
	mustMove(t, w, h, "orient", w, h, part(0, 0))
	mustMove(t, w, h, "orient:none", w, h, part(0, 0))
}

// TestOrientedByExif: any operation that moves pixels turns the image first;
// orient:none forgets that.
func TestOrientedByExif(t *testing.T) {
	for text, want := range map[string][2]int{
		"orient": {12, 17}, "flip": {12, 17}, "crop:5x5": {5, 5}, "resize:6x0": {6, 9}, "orient:none": {17, 12}, "orient:1": {17, 12},
		"invert": {17, 12}, "orient:none/resize:6x0": {6, 4}, "resize:40x30:cover": {12, 9}, "resize:20x20:contain": {20, 20},
	} {
		tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 20})
		s := gradients(17, 12, 3, false).sheet(t, tray, 1)
		s.SetInt("orientation", 6)
		steps, err := pipeline.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			if err := s.Apply(step); err != nil {
				t.Fatal(err)
			}
		}
		if r := read(t, s); r.width != want[0] || r.height != want[1] {
			t.Errorf("%s makes %d x %d, want %v", text, r.width, r.height, want)
		}
		if to, there := s.Int("orientation"); there != (text == "invert") {
			t.Errorf("%s leaves the orientation %d", text, to)
		}
		tray.Close()
	}
}

// framed is where the image is on a larger canvas.
func framed(left, top, w, h int) source {
	return func(x, y int) (int, int, bool) {
		x, y = x-left, y-top
		return x, y, x >= 0 && y >= 0 && x < w && y < h
	}
}

func TestPadAndExtendKeepTheImage(t *testing.T) {
	const w, h = 5, 4
	mirrored := func(v, n int) int {
		v = ((v % (2 * n)) + 2*n) % (2 * n)
		return min(v, 2*n-1-v)
	}
	for text, want := range map[string]struct {
		width, height int
		from          source
	}{
		"pad:1:2:3:4":                      {11, 8, framed(4, 1, w, h)},
		"pad:10p:50p":                      {8, 4, framed(0, 0, w, h)}, // 0.4 is 0, 2.5 is 3
		"pad:3:7:9:6:mode=copy":            {18, 16, func(x, y int) (int, int, bool) { return min(max(x-6, 0), w-1), min(max(y-3, 0), h-1), true }},
		"pad:3:7:9:6:mode=repeat":          {18, 16, func(x, y int) (int, int, bool) { return (x + 2*w - 6) % w, (y + 2*h - 3) % h, true }},
		"pad:3:7:9:6:mode=mirror":          {18, 16, func(x, y int) (int, int, bool) { return mirrored(x-6, w), mirrored(y-3, h), true }},
		"extend:10x9":                      {10, 9, framed(2, 2, w, h)},
		"extend:10x9:southeast":            {10, 9, framed(5, 5, w, h)},
		"extend:10x2:north":                {10, 4, framed(2, 0, w, h)},
		"extend:2x2":                       {5, 4, framed(0, 0, w, h)},
		"resize:10x9:contain":              {10, 9, framed(2, 2, w, h)},
		"resize:10x9:contain:gravity=east": {10, 9, framed(5, 2, w, h)},
	} {
		mustMove(t, w, h, text, want.width, want.height, want.from)
	}
}

// TestBackgrounds: grey stays grey where the colour is, what is transparent
// adds alpha, and colours are those of the depth.
func TestBackgrounds(t *testing.T) {
	for colour, want := range map[string]struct {
		rgba  []float64
		bands [4]int // of sheets that had 1, 2, 3 and 4
	}{
		"transparent": {[]float64{0, 0, 0, 0}, [4]int{2, 2, 4, 4}},
		"333333":      {[]float64{0.2, 0.2, 0.2, 1}, [4]int{1, 2, 3, 4}},
		"ff8000":      {[]float64{1, 128.0 / 255, 0, 1}, [4]int{3, 4, 3, 4}},
		"ff800033":    {[]float64{1, 128.0 / 255, 0, 0.2}, [4]int{4, 4, 4, 4}},
	} {
		for _, text := range []string{"pad:2:0:0:0:", "extend:0x14:south:", "resize:17x14:contain:gravity=south:background=", "rotate:0.01:"} {
			kinds(func(bands int, deep bool) {
				s := gradients(17, 12, bands, deep)
				r := s.must(t, text+colour)
				if r.bands != want.bands[bands-1] {
					t.Errorf("%s of %d bands makes %d, want %d", text+colour, bands, r.bands, want.bands[bands-1])
					return
				}
				if text == "rotate:0.01:" {
					return // the corners are tested elsewhere
				}
				for b := range r.bands {
					v := want.rgba[b]
					if r.bands%2 == 0 && b == r.bands-1 {
						v = want.rgba[3]
					}
					if got := r.at(0, 0, b); math.Abs(got-v) > 1e-9 {
						t.Errorf("%s of %d bands (deep: %v): channel %d is %v, want %v", text+colour, bands, deep, b, got, v)
					}
				}
			})
		}
	}
}

// TestPagesMoveEachByItself: three pages, one above the other.
func TestPagesMoveEachByItself(t *testing.T) {
	const w, h, pages = 17, 12, 3
	s := gradients(w, h*pages, 4, false)
	for text, c := range map[string]struct {
		width, height int
		from          source // within a page
	}{
		"crop:4x3:southeast":   {4, 3, part(13, 9)},
		"crop:4x3:x=2:y=5":     {4, 3, part(2, 5)},
		"rotate:90":            {h, w, func(x, y int) (int, int, bool) { return y, h - 1 - x, true }},
		"rotate:180":           {w, h, func(x, y int) (int, int, bool) { return w - 1 - x, h - 1 - y, true }},
		"flip":                 {w, h, func(x, y int) (int, int, bool) { return x, h - 1 - y, true }},
		"flop":                 {w, h, func(x, y int) (int, int, bool) { return w - 1 - x, y, true }},
		"orient:6":             {h, w, func(x, y int) (int, int, bool) { return y, h - 1 - x, true }},
		"pad:1:2:3:4":          {w + 6, h + 4, framed(4, 1, w, h)},
		"extend:20x20":         {20, 20, framed(1, 4, w, h)},
		"resize:20x20:contain": {20, 20, framed(1, 4, w, h)},
	} {
		r, err := s.apply(t, text, pages)
		if err != nil {
			t.Fatal(err)
		}
		s.mustBe(t, r, text, c.width, c.height*pages, func(x, y int) (int, int, bool) {
			page := y / c.height
			sx, sy, ok := c.from(x, y%c.height)
			return sx, sy + page*h, ok
		})
	}
}

// TestTooLargeIsRefusedBeforehand: what would be larger than the limit.
func TestTooLargeIsRefusedBeforehand(t *testing.T) {
	for _, text := range []string{
		"resize:5000x5000:enlarge", "resize:5000x5000:fill:enlarge", "resize:5000x5000:contain", "resize:5000x1:cover:enlarge:dpr=10",
		"pad:5000:5000", "extend:5000x5000", "resize:4000x4000:enlarge/rotate:45",
	} {
		if _, err := gradients(100, 80, 1, false).apply(t, text, 1); !errors.Is(err, wire.ErrOutputTooLarge) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := gradients(100, 80, 1, false).apply(t, "extend:4000x4000", 4); !errors.Is(err, wire.ErrOutputTooLarge) {
		t.Errorf("four pages: %v", err)
	}
}

// island is a part of another colour in a plain image, not quite as plain as it
// seems.
func island(bands int, deep bool, left, top, right, bottom int) scene {
	return scene{width: 40, height: 30, bands: bands, deep: deep, at: func(x, y, band int) float64 {
		switch {
		case x >= left && x < right && y%30 >= top && y%30 < bottom:
			return [4]float64{0.7, 0.2, 0.9, 0.9}[band]
		case bands%2 == 0 && band == bands-1:
			return 0.6
		}
		return 0.5 + 0.01*float64((x+y)%3)
	}}
}

func TestTrimCutsTheBorder(t *testing.T) {
	for text, want := range map[string][4]int{ // left, top, right, bottom of what is left
		"trim":           {7, 5, 33, 21},
		"trim:6":         {7, 5, 33, 21},
		"trim:0":         {0, 0, 40, 30},
		"trim:255":       {0, 0, 40, 30}, // nothing would be left
		"trim:10:ff0000": {0, 0, 40, 30},
		"trim/trim":      {0, 0, 26, 16},
	} {
		kinds(func(bands int, deep bool) {
			s := island(bands, deep, 7, 5, 33, 21)
			left, top := want[0], want[1]
			if text == "trim/trim" {
				left, top = 7, 5
			}
			s.mustBe(t, s.must(t, text), text, want[2]-want[0], want[3]-want[1], part(left, top))
		})
	}
	for colour, width := range map[string]int{"808080": 26, "838383": 26, "b333e6": 40} {
		s := island(3, false, 7, 5, 33, 21)
		if r := s.must(t, "trim:10:"+colour); r.width != width || r.bands != 3 {
			t.Errorf("by %s it is %d wide of %d bands, want %d", colour, r.width, r.bands, width)
		}
	}
	s := island(1, false, 7, 5, 33, 21)
	if r := s.must(t, "trim:10:ff8000"); r.width != 40 || r.bands != 1 {
		t.Errorf("by a colour that grey has not it is %d wide of %d bands", r.width, r.bands)
	}
}

// TestTrimLooksAtWhatIsSeen: colours that are invisible are all the same.
func TestTrimLooksAtWhatIsSeen(t *testing.T) {
	s := spotted(3, 40, 30, 4, false)
	inner := s.at
	s.at = func(x, y, band int) float64 {
		if inside := x >= 9 && x < 20 && y >= 3 && y < 29; band == 3 {
			return map[bool]float64{true: 1}[inside]
		}
		return inner(x, y, band)
	}
	for _, text := range []string{"trim", "trim:1:transparent"} {
		s.mustBe(t, s.must(t, text), text, 11, 26, part(9, 3))
	}
}

// TestTrimOfPages: all are cut alike, by what is on any.
func TestTrimOfPages(t *testing.T) {
	a, b := island(3, false, 7, 5, 20, 10), island(3, false, 12, 8, 33, 21)
	s := scene{width: 40, height: 90, bands: 3, at: func(x, y, band int) float64 {
		switch y / 30 {
		case 0:
			return a.at(x, y, band)
		case 1:
			return b.at(x, y, band)
		}
		return 0.5
	}}
	r, err := s.apply(t, "trim", 3)
	if err != nil {
		t.Fatal(err)
	}
	s.mustBe(t, r, "trim", 26, 48, func(x, y int) (int, int, bool) { return x + 7, y%16 + 5 + y/16*30, true })
}

// TestRotateByAnyAngle: beside the formula, clockwise about the middle, on a
// canvas that holds the corners.
func TestRotateByAnyAngle(t *testing.T) {
	for _, angle := range []float64{10, 45, -30, 200, 359} {
		kinds(func(bands int, deep bool) {
			s := gradients(61, 41, bands, deep)
			r := s.must(t, fmt.Sprintf("rotate:%v", angle))
			sin, cos := math.Sincos(angle * math.Pi / 180)
			w, h := 61*math.Abs(cos)+41*math.Abs(sin), 61*math.Abs(sin)+41*math.Abs(cos)
			if math.Abs(float64(r.width)-w) > 1.01 || math.Abs(float64(r.height)-h) > 1.01 || r.bands != (bands+1)/2*2 {
				t.Fatalf("%v degrees make %d x %d of %d bands, want %.1f x %.1f", angle, r.width, r.height, r.bands, w, h)
			}
			for y := range r.height {
				for x := range r.width {
					dx, dy := float64(x)+0.5-float64(r.width)/2, float64(y)+0.5-float64(r.height)/2
					u, v := 30+dx*cos+dy*sin, 20-dx*sin+dy*cos
					alpha := r.at(x, y, r.bands-1)
					if u < -3 || v < -3 || u > 63 || v > 43 {
						if alpha != 0 {
							t.Fatalf("%v degrees: %d,%d has alpha %v beyond the image", angle, x, y, alpha)
						}
						continue
					}
					if u < 2 || v < 2 || u > 58 || v > 38 {
						continue
					}
					at := [4]float64{u / 60, v / 40, (u/60 + 1 - v/40) / 2, 0.2 + 0.6*u/60*v/40}
					for b := range bands {
						want := at[b]
						if bands%2 == 0 && b < bands-1 {
							want *= at[bands-1]
						}
						if got := r.seen(x, y, b); math.Abs(got-want) > 0.03 {
							t.Fatalf("%v degrees of %d bands (deep: %v): channel %d at %d,%d is %v, want %v", angle, bands, deep, b, x, y, got, want)
						}
					}
				}
			}
		})
	}
}
