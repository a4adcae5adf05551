package darkroom_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"minilab/internal/engine/wire"
)

// spotted is noise at some scale, with alpha that goes from nothing to opaque
// and bright colours where it is nothing.
func spotted(seed uint64, width, height, bands int, deep bool) scene {
	random := rand.New(rand.NewPCG(seed, 4))
	grid := make([]float64, (width/3+2)*(height/3+2)*4)
	for i := range grid {
		grid[i] = random.Float64()
	}
	return scene{width: width, height: height, bands: bands, deep: deep, at: func(x, y, band int) float64 {
		v := grid[((y/3)*(width/3+2)+x/3)*4+band]
		if bands%2 == 0 && band == bands-1 {
			return min(max(2*v-0.5, 0), 1)
		}
		return v
	}}
}

// layers are a scene's values, colours multiplied by alpha if there is any.
func (s scene) layers() [][]float64 {
	layers := make([][]float64, s.bands)
	for b := range layers {
		for y := range s.height {
			for x := range s.width {
				v := s.rounded(x, y, b)
				if s.bands%2 == 0 && b < s.bands-1 {
					v *= s.rounded(x, y, s.bands-1)
				}
				layers[b] = append(layers[b], v)
			}
		}
	}
	return layers
}

// seen is a channel of the result multiplied by alpha.
func (r result) seen(x, y, b int) float64 {
	if r.bands%2 == 0 && b < r.bands-1 {
		return r.at(x, y, b) * r.at(x, y, r.bands-1)
	}
	return r.at(x, y, b)
}

// mustLook compares the result, as it is seen, with layers: no pixel is further
// away than most, and all together have so many decibels.
func (r result) mustLook(t *testing.T, what string, layers [][]float64, most, decibels float64) {
	t.Helper()
	if r.bands != len(layers) || r.width*r.height != len(layers[0]) {
		t.Errorf("%s: %d x %d of %d bands", what, r.width, r.height, r.bands)
		return
	}
	sum := 0.0
	for b := range layers {
		for y := range r.height {
			for x := range r.width {
				d := math.Abs(r.seen(x, y, b) - layers[b][y*r.width+x])
				if !(d <= most) {
					t.Errorf("%s of %d bands: channel %d at %d,%d is %.4f, want %.4f", what, r.bands, b, x, y, r.seen(x, y, b), layers[b][y*r.width+x])
					return
				}
				sum += d * d
			}
		}
	}
	if got := -10 * math.Log10(sum/float64(len(r.values))); got < decibels {
		t.Errorf("%s of %d bands: %.1f dB, want %v", what, r.bands, got, decibels)
	}
}

// convolved blurs a layer by a Gaussian, the slow way; beyond the edges is what
// is at them.
func convolved(layer []float64, w, h int, sigma float64) []float64 {
	n := int(math.Ceil(6 * sigma))
	return pass(pass(layer, w, h, 1, n, sigma), w, h, 0, n, sigma)
}

func pass(layer []float64, w, h, across, n int, sigma float64) []float64 {
	out := make([]float64, len(layer))
	for y := range h {
		for x := range w {
			sum, total := 0.0, 0.0
			for i := -n; i <= n; i++ {
				f := math.Exp(-float64(i*i) / 2 / sigma / sigma)
				u, v := min(max(x+i*across, 0), w-1), min(max(y+i*(1-across), 0), h-1)
				sum += f * layer[v*w+u]
				total += f
			}
			out[y*w+x] = sum / total
		}
	}
	return out
}

func TestBlurIsAGaussian(t *testing.T) {
	for _, sigma := range []float64{0.3, 0.5, 1, 2.3, 6, 40} {
		kinds(func(bands int, deep bool) {
			s := spotted(7, 41, 33, bands, deep)
			layers := s.layers()
			for b := range layers {
				layers[b] = convolved(layers[b], s.width, s.height, sigma)
			}
			text := fmt.Sprintf("blur:%v", sigma)
			s.must(t, text).mustLook(t, text, layers, 0.02, 46)
		})
	}
}

// TestBlurKeepsBrightness: a plain image stays as it is, to the last bit.
func TestBlurKeepsBrightness(t *testing.T) {
	for _, text := range []string{"blur:0.3", "blur:0.7", "blur:1", "blur:2", "blur:3", "blur:11", "blur:30", "blur:90", "blur:250", "sharpen:2:10", "median:3", "pixelate:7"} {
		for _, deep := range []bool{false, true} {
			s := scene{width: 40, height: 30, bands: 3, deep: deep, at: func(_, _, band int) float64 { return [3]float64{1, 0.8, 0.1}[band] }}
			s.mustBe(t, s.must(t, text), text, 40, 30, part(0, 0))
		}
	}
}

func TestSharpenIsAnUnsharpMask(t *testing.T) {
	for _, c := range [][2]float64{{1, 1}, {0.5, 2}, {3, 0.4}} {
		kinds(func(bands int, deep bool) {
			s := spotted(9, 31, 23, bands, deep)
			text := fmt.Sprintf("sharpen:%v:%v", c[0], c[1])
			s.must(t, text).mustLook(t, text, s.sharpened(c[0], c[1]), 0.01, 46)
		})
	}
}

func (s scene) sharpened(sigma, amount float64) [][]float64 {
	n := s.width * s.height
	y, weighed, alpha := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range y {
		weights := []float64{1}
		if s.bands >= 3 {
			weights = []float64{0.2126, 0.7152, 0.0722}
		}
		for b, w := range weights {
			y[i] += w * s.rounded(i%s.width, i/s.width, b)
		}
		alpha[i] = 1
		if s.bands%2 == 0 {
			alpha[i] = s.rounded(i%s.width, i/s.width, s.bands-1)
		}
		weighed[i] = y[i] * alpha[i]
	}
	around, total := convolved(weighed, s.width, s.height, sigma), convolved(alpha, s.width, s.height, sigma)
	layers := s.layers()
	for b := range layers {
		for i := range n {
			if s.bands%2 == 0 && b == s.bands-1 {
				continue
			}
			v := s.rounded(i%s.width, i/s.width, b)
			if total[i] > 0 {
				v += amount * (y[i] - around[i]/total[i])
			}
			layers[b][i] = min(max(v, 0), 1) * alpha[i]
		}
	}
	return layers
}

func TestMedian(t *testing.T) {
	for _, radius := range []int{1, 2, 5} {
		kinds(func(bands int, deep bool) {
			s := spotted(11, 23, 19, bands, deep)
			layers := s.layers()
			for b, layer := range layers {
				layers[b] = middles(layer, s.width, s.height, radius)
			}
			text := fmt.Sprintf("median:%d", radius)
			s.must(t, text).mustLook(t, text, layers, 0.004, 50)
		})
	}
}

func middles(layer []float64, w, h, radius int) []float64 {
	out := make([]float64, len(layer))
	for y := range h {
		for x := range w {
			var list []float64
			for v := y - radius; v <= y+radius; v++ {
				for u := x - radius; u <= x+radius; u++ {
					list = append(list, layer[min(max(v, 0), h-1)*w+min(max(u, 0), w-1)])
				}
			}
			slices.Sort(list)
			out[y*w+x] = list[len(list)/2]
		}
	}
	return out
}

func TestPixelate(t *testing.T) {
	for text, c := range map[string][5]int{ // size, left, top, right, bottom
		"pixelate:5":             {5, 0, 0, 23, 19},
		"pixelate:100":           {100, 0, 0, 23, 19},
		"pixelate:4:3:2:8:8":     {4, 3, 2, 11, 10},
		"pixelate:4:3:2:9:7":     {4, 3, 2, 12, 9},
		"pixelate:4:20:10":       {4, 20, 10, 23, 19},
		"pixelate:3:50p:50p:9:9": {3, 12, 10, 21, 19},
	} {
		kinds(func(bands int, deep bool) {
			s := spotted(13, 23, 19, bands, deep)
			layers := s.layers()
			for b, layer := range layers {
				layers[b] = squares(layer, s.width, c)
			}
			s.must(t, text).mustLook(t, text, layers, 0.008, 50)
		})
	}
	if _, err := spotted(1, 23, 19, 3, false).apply(t, "pixelate:4:23:0", 1); !errors.Is(err, wire.ErrOperation) {
		t.Errorf("a box outside of the image: %v", err)
	}
}

func squares(layer []float64, w int, c [5]int) []float64 {
	out := slices.Clone(layer)
	size, left, top, right, bottom := c[0], c[1], c[2], c[3], c[4]
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			sum := 0.0
			for v := range size {
				for u := range size {
					sum += layer[min((y-top)/size*size+v+top, bottom-1)*w+min((x-left)/size*size+u+left, right-1)]
				}
			}
			out[y*w+x] = sum / float64(size*size)
		}
	}
	return out
}

func TestVignette(t *testing.T) {
	for _, c := range [][2]float64{{0.5, 0.5}, {1, 0}, {0.8, 0.99}, {0.7, 1}, {0, 0}} {
		kinds(func(bands int, deep bool) {
			s := spotted(15, 47, 30, bands, deep)
			layers := s.layers()
			for b := range layers {
				for i := range layers[b] {
					u, v := (float64(i%47)+0.5)/47*2-1, (float64(i/47)+0.5)/30*2-1
					d := math.Sqrt((u*u + v*v) / 2)
					if bands%2 == 0 && b == bands-1 || d <= c[1] {
						continue
					}
					p := (d - c[1]) / (1 - c[1])
					layers[b][i] *= 1 - c[0]*p*p*(3-2*p)
				}
			}
			text := fmt.Sprintf("vignette:%v:%v", c[0], c[1])
			s.must(t, text).mustLook(t, text, layers, 0.0035, 50)
		})
	}
}

// covered is how much of a pixel is inside of round corners, by 32 x 32 points.
func covered(x, y, w, h int, radius float64) float64 {
	inside := 0
	for i := range 32 * 32 {
		u, v := float64(x)+(float64(i%32)+0.5)/32, float64(y)+(float64(i/32)+0.5)/32
		dx := max(radius-u, u-float64(w)+radius, 0)
		dy := max(radius-v, v-float64(h)+radius, 0)
		if math.Hypot(dx, dy) <= radius {
			inside++
		}
	}
	return float64(inside) / 32 / 32
}

func TestRound(t *testing.T) {
	for text, radius := range map[string]float64{"round:1": 1, "round:6": 6, "round:50p": 9.5, "round:1000": 9.5, "round:6:80ff00": 6, "round:25p:ffffff80": 4.75} {
		kinds(func(bands int, deep bool) {
			s := spotted(17, 23, 19, bands, deep)
			if text[len(text)-1] == '0' && len(text) > 10 && bands < 3 {
				return // becomes coloured: tested with backgrounds
			}
			r := s.must(t, text)
			under := map[string][]float64{"round:6:80ff00": {128.0 / 255, 1, 0, 1}, "round:25p:ffffff80": {128.0 / 255, 128.0 / 255, 128.0 / 255, 128.0 / 255}}[text]
			layers := make([][]float64, r.bands)
			for i := range 23 * 19 {
				x, y := i%23, i/23
				alpha := covered(x, y, 23, 19, radius)
				if bands%2 == 0 {
					alpha *= s.rounded(x, y, bands-1)
				}
				for b := range layers {
					v := alpha
					if r.bands%2 == 1 || b < r.bands-1 {
						v *= s.rounded(x, y, b)
					}
					if under != nil {
						behind := under[b]
						if b == r.bands-1 && r.bands%2 == 0 {
							behind = under[3]
						}
						v += (1 - alpha) * behind
					}
					layers[b] = append(layers[b], v)
				}
			}
			r.mustLook(t, text, layers, 0.08, 38)
		})
	}
}

func TestShadow(t *testing.T) {
	for text, c := range map[string]struct {
		sigma              float64
		x, y               int
		left, top, w, h    int
		colour, background [4]float64
	}{
		"shadow:2:3:-4":                         {2, 3, -4, 3, 10, 23 + 3 + 9, 19 + 10 + 2, [4]float64{0, 0, 0, 128.0 / 255}, [4]float64{}},
		"shadow:0:5:5:ff0000":                   {0, 5, 5, 0, 0, 28, 24, [4]float64{1, 0, 0, 1}, [4]float64{}},
		"shadow:3:0:0:00ff00:background=0000ff": {3, 0, 0, 9, 9, 41, 37, [4]float64{0, 1, 0, 1}, [4]float64{0, 0, 1, 1}},
	} {
		for _, deep := range []bool{false, true} {
			for bands := 3; bands <= 4; bands++ {
				s := spotted(19, 23, 19, bands, deep)
				r := s.must(t, text)
				if r.width != c.w || r.height != c.h {
					t.Errorf("%s: %d x %d", text, r.width, r.height)
					continue
				}
				alpha, shape := make([]float64, c.w*c.h), make([]float64, c.w*c.h)
				for i := range 23 * 19 {
					a := 1.0
					if bands == 4 {
						a = s.rounded(i%23, i/23, 3)
					}
					x, y := i%23+c.left, i/23+c.top
					alpha[y*c.w+x] = a
					if x+c.x >= 0 && y+c.y >= 0 && x+c.x < c.w && y+c.y < c.h {
						shape[(y+c.y)*c.w+x+c.x] = a
					}
				}
				if c.sigma > 0 {
					shape = convolved(shape, c.w, c.h, c.sigma)
				}
				layers := make([][]float64, r.bands)
				for i := range alpha {
					x, y := i%c.w-c.left, i/c.w-c.top
					for b := range layers {
						v := alpha[i]
						if b < 3 && v > 0 {
							v *= s.rounded(x, y, b)
						}
						paint := shape[i] * c.colour[3]
						ground := c.background[3]
						if b < 3 {
							paint *= c.colour[b]
							ground *= c.background[b]
						}
						v += (1 - alpha[i]) * paint
						v += (1 - alpha[i]) * (1 - shape[i]*c.colour[3]) * ground
						layers[b] = append(layers[b], v)
					}
				}
				r.mustLook(t, text, layers, 0.012, 46)
			}
		}
	}
}

// TestEffectsOfTheSmallestImages: they are as large as before, and do not fail.
func TestEffectsOfTheSmallestImages(t *testing.T) {
	for _, text := range []string{"blur:0.3", "blur:5", "blur:100", "sharpen:10", "median:15", "pixelate:1000", "vignette:1:0", "round:50p", "trim",
		"flip", "flop", "rotate:90", "crop:1x1:smart", "pad:1:1:1:1:mode=mirror/crop:1x1", "resize:1x1"} {
		for _, size := range [][2]int{{1, 1}, {1, 9}, {9, 1}} {
			kinds(func(bands int, deep bool) {
				s := spotted(5, size[0], size[1], bands, deep)
				if r := s.must(t, text); r.width*r.height > 9 {
					t.Errorf("%s of %v makes %d x %d", text, size, r.width, r.height)
				}
			})
		}
	}
}
