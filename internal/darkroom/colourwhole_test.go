package darkroom_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"minilab/internal/darkroom"
	"minilab/internal/vips"
)

// dull is a picture whose brightness leaves both ends of the range free, with
// a few pixels beyond, and pages that differ.
func dull(bands int, deep bool) scene {
	return scene{width: 100, height: 60, bands: bands, deep: deep, at: func(x, y, b int) float64 {
		switch {
		case b == bands-1 && bands%2 == 0:
			return float64((x+y)%3) / 2
		case x == 0 && y == 0:
			return 0.01
		case x == 99 && y == 59:
			return 0.99
		}
		return 0.2 + 0.3*float64(x)/99 + 0.25*float64(y)/59 + 0.05*float64(b)*float64(y%7)/6
	}}
}

// brightnesses are all pixels' at the depth, in order, with their weights by alpha,
// which are whole numbers.
func (s scene) brightnesses() (values, weights []float64) {
	type pair struct{ v, w float64 }
	var list []pair
	for i := range s.width * s.height {
		x, y := i%s.width, i/s.width
		list = append(list, pair{math.Floor(s.pixelAt(x, y).brightness()*s.full() + 0.5 + 1e-9), math.Round(s.alphaAt(x, y) * s.full())})
	}
	slices.SortFunc(list, func(a, b pair) int { return int(a.v - b.v) })
	for _, p := range list {
		values, weights = append(values, p.v), append(weights, p.w)
	}
	return values, weights
}

func everyKind(t *testing.T, f func(t *testing.T, bands int, deep bool, pages int)) {
	t.Helper()
	for _, deep := range []bool{false, true} {
		for bands := 1; bands <= 4; bands++ {
			for _, pages := range []int{1, 3} {
				t.Run(fmt.Sprintf("%d channels/deep %v/%d pages", bands, deep, pages), func(t *testing.T) { f(t, bands, deep, pages) })
			}
		}
	}
}

// TestNormalize: the first brightness with more than the share of pixels before
// it or at it becomes black, the last one so white, all channels alike.
func TestNormalize(t *testing.T) {
	everyKind(t, func(t *testing.T, bands int, deep bool, pages int) {
		for _, clip := range []float64{0, 1, 20} {
			s := dull(bands, deep)
			values, weights := s.brightnesses()
			total := 0.0
			for _, w := range weights {
				total += w
			}
			black, white, sum, lost := -1.0, 0.0, 0.0, total*clip/100
			for i, v := range values {
				before := sum
				if sum += weights[i]; black < 0 && sum > lost {
					black = v
				}
				if total-before > lost && weights[i] > 0 {
					white = v
				}
			}
			r, err := s.apply(t, fmt.Sprintf("normalize:%g", clip), pages)
			if err != nil {
				t.Fatal(err)
			}
			mustBe(t, s, r, func(p pixel, full float64) pixel {
				return p.each(func(v float64) float64 { return (v*full - black) / (white - black) })
			})
		}
	})
}

// TestEqualize: a brightness becomes the share of the pixels that are no
// brighter, of those that are not darkest.
func TestEqualize(t *testing.T) {
	everyKind(t, func(t *testing.T, bands int, deep bool, pages int) {
		s := dull(bands, deep)
		values, weights := s.brightnesses()
		darkest, total, sums := 0.0, 0.0, []float64{}
		least := -1.0
		for i, v := range values {
			if total += weights[i]; weights[i] > 0 && (least < 0 || v == least) {
				least = v
				darkest += weights[i]
			}
			sums = append(sums, total)
		}
		r, err := s.apply(t, "equalize", pages)
		if err != nil {
			t.Fatal(err)
		}
		mustBe(t, s, r, func(p pixel, full float64) pixel {
			return p.each(func(v float64) float64 {
				n, _ := slices.BinarySearch(values, math.Round(v*full)+0.5)
				if n == 0 {
					return 0
				}
				return (sums[n-1] - darkest) / (total - darkest)
			})
		})
	})
}

// TestOfOneBrightnessOnly: there is nothing to stretch.
func TestOfOneBrightnessOnly(t *testing.T) {
	for bands := 1; bands <= 4; bands++ {
		flat := scene{width: 5, height: 5, bands: bands, at: func(_, _, b int) float64 { return 0.2 + 0.2*float64(b) }}
		unseen := flat
		if bands%2 == 0 {
			unseen.at = func(x, y, b int) float64 {
				if b == bands-1 {
					return 0
				}
				return float64(x*y+b) / 20
			}
		}
		for _, text := range []string{"normalize", "normalize:0", "normalize:49", "equalize"} {
			for _, s := range []scene{flat, unseen} {
				mustBe(t, s, s.must(t, text), func(p pixel, _ float64) pixel { return p })
			}
		}
	}
}

// TestCurvesAreMonotone between points that are, meet all points, and do not
// swing beyond them.
func TestCurvesAreMonotone(t *testing.T) {
	ramp := scene{width: 256, height: 256, bands: 1, deep: true, at: func(x, y, _ int) float64 { return float64(y*256+x) / 65535 }}
	for _, c := range []struct {
		text   string
		points [][2]float64
	}{
		{"curves:0,0,0.25,0.15,0.75,0.85,1,1", [][2]float64{{0, 0}, {0.25, 0.15}, {0.75, 0.85}, {1, 1}}},
		{"curves:0,0,0.4,0.4,0.41,0.9,0.5,0.9,1,1", [][2]float64{{0, 0}, {0.4, 0.4}, {0.41, 0.9}, {0.5, 0.9}, {1, 1}}},
		{"curves:0.1,0.9,0.2,0.1,0.9,0.8", [][2]float64{{0.1, 0.9}, {0.2, 0.1}, {0.9, 0.8}}},
	} {
		r := ramp.must(t, c.text)
		for i, p := range c.points {
			if got := r.values[int(math.Round(p[0]*65535))]; math.Abs(got-p[1]) > 3e-4 {
				t.Errorf("%s: %v becomes %v", c.text, p, got)
			}
			if i == 0 {
				continue
			}
			from, to := c.points[i-1], p
			for v := math.Ceil(from[0] * 65535); v < to[0]*65535-1; v++ {
				a, b := r.values[int(v)], r.values[int(v)+1]
				if (b-a)*(to[1]-from[1]) < 0 || a < min(from[1], to[1])-1e-4 || a > max(from[1], to[1])+1e-4 {
					t.Fatalf("%s: %v, %v at %v", c.text, a, b, v)
				}
			}
		}
	}
	// By hand: the slopes are 0.6, 1 and 1.4, so the middle of the second half is
	// (0.3+1)/2 + 0.5*(1-1.4)/8.
	r := ramp.must(t, "curves:0,0,0.5,0.3,1,1")
	if got, want := r.values[49151], 0.65+0.5*(1.0-1.4)/8; math.Abs(got-want) > 1e-4 {
		t.Errorf("curve at three quarters is %v, want %v", got, want)
	}
}

// withProfile is the scene with a profile of the library's, or any bytes.
func (s scene) withProfile(t *testing.T, tray *darkroom.Tray, icc []byte) *darkroom.Sheet {
	t.Helper()
	image, err := s.sheet(t, tray, 1).Call("copy", nil)
	if err != nil {
		t.Fatal(err)
	}
	tray.Keep(image).SetBlob("icc-profile-data", icc)
	return tray.Sheet(image, 1)
}

func libraryProfile(t *testing.T, name string) []byte {
	t.Helper()
	if err := vips.Init(); err != nil {
		t.Fatal(err)
	}
	m, err := vips.OfPixels(make([]byte, 3), 1, 1, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p, err := m.Call("copy", vips.Options{"interpretation": "srgb"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	out, err := p.Call("icc_transform", vips.Options{"output_profile": name, "input_profile": "srgb"})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	return out.Blob("icc-profile-data")
}

// toLinear and fromLinear are the transfer function that sRGB and Display P3 share.
func toLinear(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func fromLinear(v float64) float64 {
	v = min(max(v, 0), 1)
	if v <= 0.0031308 {
		return v * 12.92
	}
	return 1.055*math.Pow(v, 1/2.4) - 0.055
}

// inP3 is a colour of sRGB in Display P3: the matrix of CSS Color 4.
func inP3(p pixel, _ float64) pixel {
	return p.each(toLinear).times([3][3]float64{
		{0.8224619687, 0.1775380313, 0},
		{0.0331941989, 0.9668058011, 0},
		{0.0170826307, 0.0723974407, 0.9105199286},
	}).each(fromLinear)
}

func inSRGB(p pixel, _ float64) pixel {
	return p.each(toLinear).times([3][3]float64{
		{1.2249401763, -0.2249401763, 0},
		{-0.0420569547, 1.0420569547, 0},
		{-0.0196375546, -0.0786360456, 1.0982736001},
	}).each(fromLinear)
}

// TestProfile: values are converted as by the matrices of CSS Color 4, within 3
// of 255, or 0.006 of the light in the dark channels of strong colours, and the profile
// of the result is the right one.
func TestProfile(t *testing.T) {
	profiles := map[string][]byte{"srgb": libraryProfile(t, "srgb"), "p3": libraryProfile(t, "p3"), "broken": []byte("no profile"), "none": nil}
	profiles["cut"] = profiles["p3"][:200]
	unchanged := func(p pixel, _ float64) pixel { return p }
	for _, c := range []struct {
		from, to string
		want     func(pixel, float64) pixel
	}{
		{"none", "srgb", unchanged}, {"none", "p3", inP3}, {"srgb", "srgb", unchanged}, {"srgb", "p3", inP3},
		{"p3", "srgb", inSRGB}, {"p3", "p3", unchanged}, {"broken", "srgb", unchanged}, {"broken", "p3", inP3}, {"cut", "p3", inP3},
	} {
		for _, deep := range []bool{false, true} {
			for bands := 1; bands <= 4; bands++ {
				tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
				s := motley(bands, deep)
				sheet := s.sheet(t, tray, 1)
				if profiles[c.from] != nil {
					sheet = s.withProfile(t, tray, profiles[c.from])
				}
				if err := sheet.Apply(parsed(t, "profile:"+c.to)[0]); err != nil {
					t.Fatal(err)
				}
				icc := sheet.Blob("icc-profile-data")
				if bands < 3 && icc != nil || bands >= 3 && !slices.Equal(icc, profiles[c.to]) {
					t.Errorf("%s to %s, %d channels: %d bytes of profile", c.from, c.to, bands, len(icc))
				}
				want := c.want
				if bands < 3 {
					want = unchanged
				}
				mustBeNear(t, fmt.Sprintf("%s to %s, %d channels, deep %v", c.from, c.to, bands, deep), s, read(t, sheet), want)
				tray.Close()
			}
		}
	}
}

// mustBeNear is mustBe with the tolerance of TestProfile, and alpha exactly.
func mustBeNear(t *testing.T, name string, s scene, r result, want func(p pixel, full float64) pixel) {
	t.Helper()
	if r.bands != s.bands {
		t.Fatalf("%s: there are %d channels", name, r.bands)
	}
	for i := range s.width * s.height {
		x, y := i%s.width, i/s.width
		exact := want(s.pixelAt(x, y), s.full())
		for b := range r.bands - (r.bands+1)%2 {
			if got := r.at(x, y, b); math.Abs(got-exact[b]) > 3.01/255 && math.Abs(toLinear(got)-toLinear(min(max(exact[b], 0), 1))) > 0.006 {
				t.Fatalf("%s: %v: channel %d is %v, want %v", name, s.pixelAt(x, y), b, got, exact[b])
			}
		}
		if r.bands%2 == 0 && math.Abs(r.at(x, y, r.bands-1)-s.alphaAt(x, y)) > 1e-9 {
			t.Fatalf("%s: alpha is %v, want %v", name, r.at(x, y, r.bands-1), s.alphaAt(x, y))
		}
	}
}

// TestOthersKeepTheProfile with the values it is for; grey has none.
func TestOthersKeepTheProfile(t *testing.T) {
	p3 := libraryProfile(t, "p3")
	for _, op := range pointwise {
		if len(op.text) > 7 && op.text[:7] == "profile" {
			continue
		}
		tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
		s := motley(4, false)
		sheet := s.withProfile(t, tray, p3)
		if err := sheet.Apply(parsed(t, op.text)[0]); err != nil {
			t.Fatal(err)
		}
		if icc := sheet.Blob("icc-profile-data"); op.makes == mono && icc != nil || op.makes != mono && !slices.Equal(icc, p3) {
			t.Errorf("%s: %d bytes of profile", op.text, len(icc))
		}
		if op.makes != mono { // P3's greys are those of sRGB, but for a rounding
			mustBe(t, s, read(t, sheet), op.want)
		}
		tray.Close()
	}
}

// TestGreyOfAProfileIsSRGB: a grey file cannot have the profile of colours, so
// its values become those of sRGB. The profile here has a gamma of 1.
func TestGreyOfAProfileIsSRGB(t *testing.T) {
	linear := libraryProfile(t, "srgb")
	makeLinear(t, linear)
	for _, deep := range []bool{false, true} {
		tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
		s := motley(3, deep)
		sheet := s.withProfile(t, tray, linear)
		if err := sheet.Apply(parsed(t, "grayscale")[0]); err != nil {
			t.Fatal(err)
		}
		r := read(t, sheet)
		for i := range s.width * s.height {
			x, y := i%s.width, i/s.width
			want := fromLinear(math.Floor(s.pixelAt(x, y).brightness()*s.full()+0.5) / s.full())
			if got := r.at(x, y, 0); math.Abs(got-want) > 2.01/255 {
				t.Fatalf("deep %v: %v is %v, want %v", deep, s.pixelAt(x, y), got, want)
			}
		}
		tray.Close()
	}
}

// makeLinear points the profile's three curves at nothing: a curve of no points
// is the identity (ICC.1, 10.6).
func makeLinear(t *testing.T, icc []byte) {
	t.Helper()
	count := int(icc[131])
	for i := range count {
		entry := icc[132+12*i:]
		if name := string(entry[:4]); name != "rTRC" && name != "gTRC" && name != "bTRC" {
			continue
		}
		at := int(entry[4])<<24 | int(entry[5])<<16 | int(entry[6])<<8 | int(entry[7])
		copy(icc[at:], "curv\x00\x00\x00\x00\x00\x00\x00\x00")
	}
}
