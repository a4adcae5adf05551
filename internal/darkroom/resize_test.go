package darkroom_test

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/image/draw"
)

// TestResizeSizes: rounded half up, at least 1 pixel, never larger than the
// source unless enlarged, in the shape that was asked for.
func TestResizeSizes(t *testing.T) {
	for _, c := range []struct {
		w, h          int
		text          string
		width, height int
	}{
		{400, 300, "resize:100x100", 100, 75},
		{300, 400, "resize:100x100", 75, 100},
		{400, 300, "resize:100", 100, 75},
		{400, 300, "resize:0x100", 133, 100},
		{400, 300, "resize:2x0", 2, 2}, // 1.5
		{400, 300, "resize:6x0", 6, 5}, // 4.5
		{401, 1, "resize:10x10", 10, 1},
		{1, 401, "resize:10x10", 1, 10},
		{1, 1, "resize:10x10", 1, 1},
		{1, 1, "resize:10x10:enlarge", 10, 10},
		{3, 2, "resize:10x10:enlarge", 10, 7},
		{400, 300, "resize:800x800", 400, 300},
		{400, 300, "resize:800x800:enlarge", 800, 600},
		{400, 300, "resize:800x200", 267, 200},
		{400, 300, "resize:100x100:dpr=2", 200, 150},
		{400, 300, "resize:101x0:dpr=0.5", 51, 38}, // 50.5 and 37.875
		{400, 300, "resize:100x100:cover", 100, 100},
		{400, 300, "resize:100:cover", 100, 75},
		{400, 300, "resize:500x100:cover", 400, 80},
		{400, 300, "resize:800x800:cover", 300, 300},
		{400, 300, "resize:800x600:cover", 400, 300},
		{400, 300, "resize:600x800:cover", 225, 300},
		{400, 300, "resize:800x800:cover:enlarge", 800, 800},
		{400, 300, "resize:100x100:cover:dpr=2", 200, 200},
		{400, 300, "resize:300x300:cover:dpr=2", 300, 300},
		{400, 300, "resize:100x200:fill", 100, 200},
		{400, 300, "resize:100:fill", 100, 75},
		{400, 300, "resize:400x600:fill", 200, 300},
		{400, 300, "resize:800x150:fill", 400, 75},
		{400, 300, "resize:400x600:fill:enlarge", 400, 600},
		{400, 300, "resize:100x100:contain", 100, 100},
		{400, 300, "resize:100:contain", 100, 75},
		{400, 300, "resize:800x700:contain", 800, 700},
		{400, 300, "resize:100x100:contain:dpr=1.5", 150, 150},
		{7, 5, "resize:3x3", 3, 2},
		{5, 7, "resize:1x1:cover", 1, 1},
		{401, 299, "resize:399x0", 399, 298}, // 297.503
	} {
		for _, kernel := range []string{"lanczos3", "nearest"} {
			r := gradients(c.w, c.h, 3, false).must(t, c.text+":kernel="+kernel)
			if r.width != c.width || r.height != c.height {
				t.Errorf("%s of %d x %d with %s makes %d x %d, want %d x %d", c.text, c.w, c.h, kernel, r.width, r.height, c.width, c.height)
			}
		}
	}
}

// TestResizeSizesAreExact: of any size to any other, also for pages.
func TestResizeSizesAreExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		w, h := 1+random.IntN(300), 1+random.IntN(300)
		width, height := 1+random.IntN(300), 1+random.IntN(300)
		pages := 1 + random.IntN(2)
		text := fmt.Sprintf("resize:%dx%d:fill:enlarge:linear=%v", width, height, random.IntN(8) == 0)
		r, err := gradients(w, h*pages, 1+random.IntN(4), random.IntN(2) == 0).apply(t, text, pages)
		if err != nil || r.width != width || r.height != height*pages {
			t.Errorf("%s of %d x %d on %d pages makes %d x %d, %v", text, w, h, pages, r.width, r.height, err)
		}
	}
}

// resampled is a layer at another size, by a kernel that reaches so far.
func resampled(layer []float64, w, h, width, height int, kernel func(float64) float64, reach float64) []float64 {
	out := along(layer, w, h, width, func(x, y int) int { return y*w + x }, kernel, reach)
	return along(out, h, width, height, func(y, x int) int { return x*h + y }, kernel, reach)
}

// along resamples rows of n to m and turns the image over: columns come first.
func along(layer []float64, n, rows, m int, at func(x, y int) int, kernel func(float64) float64, reach float64) []float64 {
	out := make([]float64, m*rows)
	factor := float64(n) / float64(m)
	stretch := max(factor, 1)
	for x := range m {
		middle := (float64(x)+0.5)*factor - 0.5
		for y := range rows {
			sum, total := 0.0, 0.0
			for i := int(math.Ceil(middle - reach*stretch)); float64(i) <= middle+reach*stretch; i++ {
				f := kernel((float64(i) - middle) / stretch)
				sum += f * layer[at(min(max(i, 0), n-1), y)]
				total += f
			}
			out[x*rows+y] = sum / total
		}
	}
	return out
}

func lanczos3(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x) * math.Sin(math.Pi*x/3) / (math.Pi * x / 3)
}

func catmullRom(x float64) float64 {
	switch x = math.Abs(x); {
	case x < 1:
		return 1.5*x*x*x - 2.5*x*x + 1
	case x < 2:
		return -0.5*x*x*x + 2.5*x*x - 4*x + 2
	}
	return 0
}

// calm is noise whose edges nothing overshoots black or white by.
func calm(seed uint64, width, height, bands int, deep bool) scene {
	s := spotted(seed, width, height, bands, deep)
	at := s.at
	s.at = func(x, y, band int) float64 { return 0.3 + 0.4*at(x, y, band) }
	return s
}

// TestResizeByTheFormula beside it in floating point numbers, of what is seen.
func TestResizeByTheFormula(t *testing.T) {
	for _, c := range []struct {
		width, height int
		kernel        string
		decibels      float64
	}{
		{60, 47, "lanczos3", 49}, {40, 40, "lanczos3", 49}, {13, 61, "lanczos3", 49}, {5, 5, "lanczos3", 44}, {60, 47, "cubic", 50}, {200, 150, "cubic", 50}, {200, 40, "cubic", 49},
	} {
		kinds(func(bands int, deep bool) {
			s := calm(21, 81, 67, bands, deep)
			layers := s.layers()
			for b := range layers {
				if c.kernel == "cubic" {
					layers[b] = resampled(layers[b], 81, 67, c.width, c.height, catmullRom, 2)
				} else {
					layers[b] = resampled(layers[b], 81, 67, c.width, c.height, lanczos3, 3)
				}
			}
			text := fmt.Sprintf("resize:%dx%d:fill:enlarge:kernel=%s", c.width, c.height, c.kernel)
			s.must(t, text).mustLook(t, text, layers, 0.03, c.decibels)
		})
	}
}

// TestResizeBesideGo: the cubic kernel is the one of golang.org/x/image/draw.
func TestResizeBesideGo(t *testing.T) {
	for _, size := range []image.Point{{60, 47}, {33, 30}} {
		s := calm(23, 81, 67, 3, false)
		r := s.must(t, fmt.Sprintf("resize:%dx%d:fill:kernel=cubic", size.X, size.Y))
		want := image.NewRGBA(image.Rectangle{Max: size})
		source := s.must(t, "orient").image()
		draw.CatmullRom.Scale(want, want.Rect, source, source.Bounds(), draw.Src, nil)
		layers := make([][]float64, 3)
		for i := range size.X * size.Y {
			for b := range layers {
				layers[b] = append(layers[b], float64(want.Pix[4*i+b])/255)
			}
		}
		r.mustLook(t, fmt.Sprint(size), layers, 0.05, 46)
	}
}

// TestResizeNearest takes over what is there.
func TestResizeNearest(t *testing.T) {
	mustMove(t, 8, 6, "resize:16x18:fill:enlarge:kernel=nearest", 16, 18, func(x, y int) (int, int, bool) { return x / 2, y / 3, true })
	mustMove(t, 9, 9, "resize:3x3:kernel=nearest", 3, 3, func(x, y int) (int, int, bool) { return 3*x + 1, 3*y + 1, true })
}

// TestResizeLinear: black and white lines are half of the light, which is 188 of
// 255; without it half of the value. What is transparent counts as little there.
func TestResizeLinear(t *testing.T) {
	kinds(func(bands int, deep bool) {
		s := scene{width: 64, height: 64, bands: bands, deep: deep, at: func(x, _, band int) float64 {
			if bands%2 == 0 && band == bands-1 {
				return 1
			}
			return float64(x % 2)
		}}
		for text, want := range map[string]float64{"resize:16x16:linear": 187.5, "resize:16x16": 127.5} {
			r := s.must(t, text)
			if r.bands != bands {
				t.Fatalf("%s of %d bands makes %d", text, bands, r.bands)
			}
			if got := r.at(8, 8, 0) * 255; math.Abs(got-want) > 1 {
				t.Errorf("%s of %d bands (deep: %v): %v, want %v", text, bands, deep, got, want)
			}
		}
		if bands%2 == 1 {
			return
		}
		s.at = func(x, _, band int) float64 { // invisible white beside black
			return map[bool]float64{true: float64(x % 2), false: 1 - float64(x%2)}[band < bands-1]
		}
		for _, text := range []string{"resize:16x16:linear", "resize:16x16"} {
			r := s.must(t, text)
			if got, alpha := r.at(8, 8, 0), r.at(8, 8, bands-1); got > 0.01 || math.Abs(alpha-0.5) > 0.01 {
				t.Errorf("%s of %d bands (deep: %v): %v with alpha %v", text, bands, deep, got, alpha)
			}
		}
	})
}

// TestResizeCoverCuts what the gravity does not draw.
func TestResizeCoverCuts(t *testing.T) {
	whole := gradients(80, 60, 3, false).must(t, "resize:40x30")
	s := scene{width: 40, height: 30, bands: 3, at: func(x, y, band int) float64 { return whole.at(x, y, band) }}
	for gravity, left := range map[string]int{"center": 5, "west": 0, "northeast": 10, "south": 5} {
		text := "resize:30x30:cover:gravity=" + gravity
		s.mustBe(t, gradients(80, 60, 3, false).must(t, text), text, 30, 30, part(left, 0))
	}
	for _, gravity := range []string{"smart", "entropy"} {
		s := island(3, false, 25, 3, 39, 28)
		r := s.must(t, "resize:15x15:cover:gravity="+gravity)
		if r.width != 15 || r.height != 15 || math.Abs(r.at(9, 7, 1)-0.2) > 0.01 {
			t.Errorf("%s has %v in the middle, want the island", gravity, r.at(9, 7, 1))
		}
	}
}
