package darkroom_test

import (
	"encoding/base64"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"testing"

	"minilab/internal/darkroom"
	"minilab/internal/engine/wire"
	"minilab/internal/vips"
)

// measured is what a pipeline with facts finds out.
func (s scene) measured(tb testing.TB, text string, pages int) *wire.Measured {
	tb.Helper()
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
	defer tray.Close()
	sheet := s.sheet(tb, tray, pages)
	return measured(tb, sheet, text)
}

func measured(tb testing.TB, sheet *darkroom.Sheet, text string) *wire.Measured {
	tb.Helper()
	for _, step := range parsed(tb, text) {
		if err := sheet.Apply(step); err != nil {
			tb.Fatal(err)
		}
	}
	if sheet.Measured == nil {
		tb.Fatal("nothing was measured")
	}
	return sheet.Measured
}

// blobs is a smooth picture, as previews of few waves can show it.
func blobs(width, height, bands int, deep bool) scene {
	return scene{width: width, height: height, bands: bands, deep: deep, at: func(x, y, b int) float64 {
		u, v := float64(x)/float64(width), float64(y)/float64(height)
		switch {
		case b == bands-1 && bands%2 == 0:
			return 0.5 + 0.5*math.Cos(math.Pi*u)*0.9
		case b == 0:
			return 0.5 + 0.35*math.Cos(math.Pi*u)
		case b == 1:
			return 0.5 + 0.25*math.Cos(math.Pi*v)
		}
		return 0.4 - 0.2*math.Cos(math.Pi*u)*math.Cos(math.Pi*v)
	}}
}

// unlike is the mean distance of a preview's channels, 0 to 1, from the scene's
// at the same places.
func (s scene) unlike(preview [][4]float64, w, h int, want func(s scene, x, y, band int) float64) float64 {
	sum, n := 0.0, 0
	for i, p := range preview {
		x, y := (2*(i%w)+1)*s.width/(2*w), (2*(i/w)+1)*s.height/(2*h)
		for b := range 4 {
			sum += math.Abs(p[b] - want(s, x, y, b))
			n++
		}
	}
	return sum / float64(n)
}

// seen is a channel as it is shown; the fourth is alpha.
func seen(s scene, x, y, band int) float64 {
	if band == 3 {
		return s.alphaAt(x, y)
	}
	return s.pixelAt(x, y)[band]
}

func onWhite(s scene, x, y, band int) float64 {
	if band == 3 {
		return 1
	}
	a := s.alphaAt(x, y)
	return a*s.pixelAt(x, y)[band] + 1 - a
}

func TestBlurHashDecodes(t *testing.T) {
	for _, deep := range []bool{false, true} {
		for bands := 1; bands <= 4; bands++ {
			s := blobs(300, 200, bands, deep)
			hash := s.measured(t, "facts:blurhash", 1).BlurHash
			if len(hash) != 28 || hash[0] != 'L' {
				t.Fatalf("%q is not one of 4 x 3 components", hash)
			}
			if d := s.unlike(decodeBlurHash(t, hash, 32, 24), 32, 24, onWhite); d > 0.03 {
				t.Errorf("%d channels, deep %v: %q is %.3f away from the image", bands, deep, hash, d)
			}
		}
	}
}

// decodeBlurHash is written from the specification:
// github.com/woltapp/blurhash/blob/master/Algorithm.md.
func decodeBlurHash(tb testing.TB, hash string, w, h int) [][4]float64 {
	tb.Helper()
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
	number := func(s string) (n int) {
		for _, c := range s {
			n = n*83 + strings.IndexRune(digits, c)
		}
		return n
	}
	nx, ny := number(hash[:1])%9+1, number(hash[:1])/9+1
	most := float64(number(hash[1:2])+1) / 166
	var colours [][3]float64
	dc := number(hash[2:6])
	light := func(v int) float64 {
		if f := float64(v) / 255; f > 0.04045 {
			return math.Pow((f+0.055)/1.055, 2.4)
		}
		return float64(v) / 255 / 12.92
	}
	colours = append(colours, [3]float64{light(dc >> 16), light(dc >> 8 & 255), light(dc & 255)})
	for i := 6; i < len(hash); i += 2 {
		n := number(hash[i : i+2])
		ac := func(q int) float64 {
			f := (float64(q) - 9) / 9
			return math.Copysign(f*f, f) * most
		}
		colours = append(colours, [3]float64{ac(n / 361), ac(n / 19 % 19), ac(n % 19)})
	}
	if len(colours) != nx*ny {
		tb.Fatalf("%d components, want %d x %d", len(colours), nx, ny)
	}
	pixels := make([][4]float64, w*h)
	for i := range pixels {
		pixels[i][3] = 1
		for b := range 3 {
			sum := 0.0
			for j := range colours {
				sum += colours[j][b] * math.Cos(math.Pi*float64(j%nx)*float64(i%w)/float64(w)) * math.Cos(math.Pi*float64(j/nx)*float64(i/w)/float64(h))
			}
			sum = min(max(sum, 0), 1)
			if sum <= 0.0031308 {
				pixels[i][b] = sum * 12.92
			} else {
				pixels[i][b] = 1.055*math.Pow(sum, 1/2.4) - 0.055
			}
		}
	}
	return pixels
}

func TestThumbHashDecodes(t *testing.T) {
	for _, size := range [][2]int{{300, 200}, {120, 260}, {64, 64}} {
		for _, deep := range []bool{false, true} {
			for bands := 1; bands <= 4; bands++ {
				s := blobs(size[0], size[1], bands, deep)
				hash, err := base64.StdEncoding.DecodeString(s.measured(t, "facts:thumbhash", 1).ThumbHash)
				if err != nil {
					t.Fatal(err)
				}
				w, h, preview := decodeThumbHash(hash)
				if got, want := float64(w)/float64(h), float64(size[0])/float64(size[1]); math.Abs(math.Log(got/want)) > 0.2 {
					t.Errorf("the preview of %v is %d x %d", size, w, h)
				}
				want := seen
				if bands%2 == 0 {
					want = onMean(s)
				}
				if d := s.unlike(preview, w, h, want); d > 0.05 { // waves have 15 steps, and none is not one of them
					t.Errorf("%v, %d channels, deep %v: %x is %.3f away from the image", size, bands, deep, hash, d)
				}
			}
		}
	}
}

// onMean is the image on its own mean colour, as it is hashed.
func onMean(s scene) func(_ scene, x, y, band int) float64 {
	var mean pixel
	weight := 0.0
	for i := range s.width * s.height {
		x, y := i%s.width, i/s.width
		for b, v := range s.pixelAt(x, y) {
			mean[b] += s.alphaAt(x, y) * v
		}
		weight += s.alphaAt(x, y)
	}
	return func(_ scene, x, y, band int) float64 {
		a := s.alphaAt(x, y)
		if band == 3 {
			return a
		}
		return a*s.pixelAt(x, y)[band] + (1-a)*mean[band]/weight
	}
}

// decodeThumbHash is written from thumbHashToRGBA of github.com/evanw/thumbhash.
func decodeThumbHash(hash []byte) (w, h int, pixels [][4]float64) {
	head := int(hash[0]) | int(hash[1])<<8 | int(hash[2])<<16
	head2 := int(hash[3]) | int(hash[4])<<8
	alpha, landscape := head>>23 > 0, head2>>15 > 0
	part := func(n, shift, mask int, full float64) float64 { return float64(n>>shift&mask) / full }
	most := 7
	if alpha {
		most = 5
	}
	lx, ly := most, head2&7
	if !landscape {
		lx, ly = ly, lx
	}
	w, h = 32, 32
	if landscape {
		h = (32*ly + lx/2) / lx
	} else {
		w = (32*lx + ly/2) / ly
	}
	lx, ly = max(3, lx), max(3, ly)
	at := 10 // half bytes
	aMean, aMost := 1.0, 0.0
	if alpha {
		at, aMean, aMost = 12, part(int(hash[5]), 0, 15, 15), part(int(hash[5]), 4, 15, 15)
	}
	type term struct {
		x, y int
		f    float64
	}
	channel := func(nx, ny int, scale float64) (list []term) {
		for y := range ny {
			for x := 0; x*ny < nx*(ny-y); x++ {
				if x+y > 0 {
					list = append(list, term{x, y, (float64(hash[at/2]>>(at%2*4)&15)/7.5 - 1) * scale})
					at++
				}
			}
		}
		return list
	}
	l := channel(lx, ly, part(head, 18, 31, 31))
	p := channel(3, 3, part(head2, 3, 63, 63)*1.25)
	q := channel(3, 3, part(head2, 9, 63, 63)*1.25)
	var a []term
	if alpha {
		a = channel(5, 5, aMost)
	}
	for i := range w * h {
		sum := func(mean float64, terms []term) float64 {
			for _, t := range terms {
				f := 1.0
				if t.y > 0 {
					f *= math.Cos(math.Pi / float64(h) * (float64(i/w) + 0.5) * float64(t.y))
				}
				mean += 2 * t.f * f * math.Cos(math.Pi/float64(w)*(float64(i%w)+0.5)*float64(t.x))
			}
			return mean
		}
		lv, pv, qv := sum(part(head, 0, 63, 63), l), sum(part(head, 6, 63, 31.5)-1, p), sum(part(head, 12, 63, 31.5)-1, q)
		b := lv - 2.0/3*pv
		r := (3*lv - b + qv) / 2
		pixel := [4]float64{r, r - qv, b, sum(aMean, a)}
		for c := range pixel {
			pixel[c] = min(max(pixel[c], 0), 1)
		}
		pixels = append(pixels, pixel)
	}
	return w, h, pixels
}

// TestPerceptualHash: the same picture, resized, blurred, brighter, has nearly
// the same hash; another one is far.
func TestPerceptualHash(t *testing.T) {
	hash := func(s scene, text string) uint64 {
		h := s.measured(t, text+"facts:phash", 1).PHash
		n, err := strconv.ParseUint(h, 16, 64)
		if err != nil || len(h) != 16 {
			t.Fatalf("%q is no hash", h)
		}
		return n
	}
	picture := func(seed float64, width, height int, deep bool) scene {
		return scene{width: width, height: height, bands: 3, deep: deep, at: func(x, y, b int) float64 {
			u, v := float64(x)/float64(width), float64(y)/float64(height)
			f := 0.0
			for k := 1.0; k < 7; k++ {
				f += math.Sin(k*(seed*3.1+u*(5+math.Mod(seed*k, 7)))+seed*k*k) * math.Cos(k*v*(4+math.Mod(seed*k*k, 5))+seed*float64(b+1)) / k
			}
			return 0.5 + f/6
		}}
	}
	original := hash(picture(1, 240, 180, false), "")
	for name, h := range map[string]uint64{
		"itself":   hash(picture(1, 240, 180, false), ""),
		"16 bits":  hash(picture(1, 240, 180, true), ""),
		"half":     hash(picture(1, 120, 90, false), ""),
		"tiny":     hash(picture(1, 60, 45, false), ""),
		"squashed": hash(picture(1, 300, 300, false), ""),
		"brighter": hash(picture(1, 240, 180, false), "brightness:0.1/"),
		"weaker":   hash(picture(1, 240, 180, false), "contrast:0.7/"),
		"coarser":  hash(picture(1, 240, 180, false), "posterize:16/"),
	} {
		if d := bits.OnesCount64(h ^ original); d > 6 {
			t.Errorf("%s: %d bits differ", name, d)
		}
	}
	for seed := 2.0; seed < 8; seed++ {
		if d := bits.OnesCount64(hash(picture(seed, 240, 180, false), "") ^ original); d < 14 {
			t.Errorf("picture %v: only %d bits differ", seed, d)
		}
	}
}

// TestPerceptualHashIsTheCommonOne computes it the slow way, on a picture whose
// size makes the scaling trivial.
func TestPerceptualHashIsTheCommonOne(t *testing.T) {
	s := scene{width: 32, height: 32, bands: 1, at: func(x, y, _ int) float64 {
		return float64((x*x*3+y*7*x+y*y*5)%251) / 255
	}}
	var f [8][8]float64
	var all []float64
	for v := range f {
		for u := range f[v] {
			for y := range 32 {
				for x := range 32 {
					f[v][u] += float64(s.value(x, y, 0)) * math.Cos(math.Pi*float64(u)*(2*float64(x)+1)/64) * math.Cos(math.Pi*float64(v)*(2*float64(y)+1)/64)
				}
			}
			all = append(all, f[v][u])
		}
	}
	want := strings.Builder{}
	for v := range f {
		for u := range f[v] {
			below := 0
			for _, g := range all {
				if g < f[v][u] {
					below++
				}
			}
			want.WriteByte("01"[min(below/32, 1)])
		}
	}
	n, err := strconv.ParseUint(want.String(), 2, 64)
	if err != nil {
		t.Fatal(err)
	}
	got, err := strconv.ParseUint(s.measured(t, "facts:phash", 1).PHash, 16, 64)
	if err != nil || got != n {
		t.Errorf("%016x, want %016x (%v)", got, n, err)
	}
}

// flag has areas of plain colours.
func flag(deep, alpha bool) scene {
	bands := map[bool]int{false: 3, true: 4}[alpha]
	return scene{width: 200, height: 100, bands: bands, deep: deep, at: func(x, y, b int) float64 {
		c := [4]float64{0.8, 0.1, 0.1, 1}
		switch {
		case x >= 160:
			c = [4]float64{0.1, 0.2, 0.9, 1}
		case x >= 100:
			c = [4]float64{0.95, 0.95, 0.9, 1}
		case alpha && y < 50:
			c = [4]float64{0, 1, 0, 0}
		}
		return c[b]
	}}
}

func TestDominantColours(t *testing.T) {
	for _, deep := range []bool{false, true} {
		for _, alpha := range []bool{false, true} {
			want := []wire.Colour{{Hex: "cc1a1a", Share: 0.5}, {Hex: "f2f2e6", Share: 0.3}, {Hex: "1a33e6", Share: 0.2}}
			if alpha {
				want = []wire.Colour{{Hex: "f2f2e6", Share: 0.4}, {Hex: "cc1a1a", Share: 1. / 3}, {Hex: "1a33e6", Share: 4. / 15}}
			}
			got := flag(deep, alpha).measured(t, "facts:colours", 1).Colours
			if len(got) != len(want) {
				t.Fatalf("deep %v, alpha %v: %v", deep, alpha, got)
			}
			for i, c := range got {
				if !near(t, c.Hex, want[i].Hex) || math.Abs(c.Share-want[i].Share) > 0.02 {
					t.Errorf("deep %v, alpha %v: %v, want %v", deep, alpha, c, want[i])
				}
			}
		}
	}
	one := scene{width: 9, height: 9, bands: 1, at: func(_, _, _ int) float64 { return 0.4 }}
	if got := one.measured(t, "facts:colours", 1).Colours; len(got) != 1 || got[0] != (wire.Colour{Hex: "666666", Share: 1}) {
		t.Errorf("one grey: %v", got)
	}
	gone := scene{width: 9, height: 9, bands: 4, at: func(_, _, b int) float64 { return float64(3-b) / 3 }}
	if got := gone.measured(t, "facts:colours", 1).Colours; len(got) != 0 {
		t.Errorf("nothing to be seen: %v", got)
	}
	sum := 0.0
	many := gradients(300, 200, 3, false).measured(t, "facts:colours", 1).Colours
	for i, c := range many {
		if sum += c.Share; i > 0 && c.Share > many[i-1].Share {
			t.Errorf("%v are not in order", many)
		}
	}
	if len(many) < 3 || len(many) > 6 || math.Abs(sum-1) > 0.02 {
		t.Errorf("slopes: %v", many)
	}
}

// near says that each channel differs by at most 4 of 255: edges between areas
// are mixed when the image is made smaller.
func near(tb testing.TB, a, b string) bool {
	tb.Helper()
	for i := 0; i < 6; i += 2 {
		v, err := strconv.ParseInt(a[i:i+2], 16, 32)
		w, err2 := strconv.ParseInt(b[i:i+2], 16, 32)
		if err != nil || err2 != nil || max(v-w, w-v) > 4 {
			return false
		}
	}
	return true
}

// TestFactsAreOfTheirPlace: what comes before counts, what comes after does not,
// the image stays as it is, of several pages the first is measured, and only
// what was asked for.
func TestFactsAreOfTheirPlace(t *testing.T) {
	s := flag(false, false)
	if a, b := s.measured(t, "facts", 1), s.measured(t, "facts/invert", 1); a.BlurHash != b.BlurHash || a.PHash == "" || a.ThumbHash == "" || len(a.Colours) == 0 {
		t.Errorf("%+v, and with something behind %+v", a, b)
	}
	if a, b := s.measured(t, "invert/facts", 1), s.measured(t, "facts", 1); a.BlurHash == b.BlurHash {
		t.Error("what comes before does not count")
	}
	if a := s.measured(t, "facts:phash", 1); a.PHash == "" || a.BlurHash+a.ThumbHash != "" || a.Colours != nil {
		t.Errorf("%+v", a)
	}
	if a := s.measured(t, "facts:phash/facts:blurhash", 1); a.PHash == "" || a.BlurHash == "" {
		t.Errorf("%+v", a)
	}
	stripes := scene{width: 60, height: 90, bands: 3, at: func(_, y, b int) float64 { return [3]float64{0.8, 0.2, 0.4}[(y/30+b)%3] }}
	if got := stripes.measured(t, "facts:colours", 3).Colours; len(got) != 1 || got[0].Hex != "cc3366" {
		t.Errorf("the first of three pages: %v", got)
	}
	mustBe(t, motley(4, true), motley(4, true).must(t, "facts"), func(p pixel, _ float64) pixel { return p })
}

// TestFactsAreUprightAndInSRGB: as the image is seen.
func TestFactsAreUprightAndInSRGB(t *testing.T) {
	s := flag(false, false)
	tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
	defer tray.Close()
	turned, err := s.sheet(t, tray, 1).Call("copy", nil)
	if err != nil {
		t.Fatal(err)
	}
	tray.Keep(turned).SetInt("orientation", 3) // upside down
	if got, want := measured(t, tray.Sheet(turned, 1), "facts:phash").PHash, s.measured(t, "flip/flop/facts:phash", 1).PHash; got != want {
		t.Errorf("upside down: %s, want %s", got, want)
	}
	p3, err := s.sheet(t, tray, 1).Call("icc_transform", vips.Options{"output_profile": "p3", "input_profile": "srgb", "embedded": true})
	if err != nil {
		t.Fatal(err)
	}
	got := measured(t, tray.Sheet(tray.Keep(p3), 1), "facts:colours").Colours
	if len(got) != 3 || !near(t, got[0].Hex, "cc1a1a") || !near(t, got[2].Hex, "1a33e6") {
		t.Errorf("in Display P3: %v", got)
	}
}
