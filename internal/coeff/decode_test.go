package coeff

import (
	"math"
	"testing"

	"minilab/internal/coeff/coefftest"
)

// cosine is the transform of T.81, A.3.3, by frequency and place.
var cosine = func() (c [8][8]float64) {
	for u := range c {
		for x := range c[u] {
			c[u][x] = math.Cos(float64(2*x+1)*float64(u)*math.Pi/16) / 2
			if u == 0 {
				c[u][x] = math.Sqrt(0.125)
			}
		}
	}
	return c
}()

// samples are a component's, not rounded.
type samples struct {
	width, height int
	at            []float64
}

// samplesOf decodes whole blocks, to values that may be beyond 0 and 255.
func samplesOf(p coefftest.Plane, table [64]uint16) samples {
	s := samples{8 * p.Across, 8 * p.Down, make([]float64, 64*len(p.Blocks))}
	for i, b := range p.Blocks {
		to := s.at[i/p.Across*8*s.width+i%p.Across*8:]
		var rows [8][8]float64 // by frequency down, and place across
		for k, n := range b {
			for x := range 8 {
				rows[k/8][x] += float64(n) * float64(table[k]) * cosine[k%8][x]
			}
		}
		for k := range 64 {
			sum := 128.0
			for v := range 8 {
				sum += rows[v][k%8] * cosine[v][k/8]
			}
			to[k/8*s.width+k%8] = sum
		}
	}
	return s
}

// cut leaves the first ones, kept from 0 to 255.
func (s samples) cut(width, height int) samples {
	out := samples{width, height, nil}
	for y := range height {
		for _, v := range s.at[y*s.width:][:width] {
			out.at = append(out.at, within(v))
		}
	}
	return out
}

func within(v float64) float64 { return min(max(v, 0), 255) }

// get takes the nearest one for places outside.
func (s samples) get(x, y int) float64 {
	return s.at[min(max(y, 0), s.height-1)*s.width+min(max(x, 0), s.width-1)]
}

// beside is the sample that a place at twice the density lies in, and the next one
// on its side.
func beside(place, density int) (in, next int) {
	if density == 1 {
		return place, place
	}
	return place / 2, place/2 - 1 + 2*(place%2)
}

// dense is the sample at a place of luma's density, by the triangle filter.
func (s samples) dense(h, v, x, y int) float64 {
	x, nextX := beside(x, h)
	y, nextY := beside(y, v)
	return (9*s.get(x, y) + 3*s.get(nextX, y) + 3*s.get(x, nextY) + s.get(nextX, nextY)) / 16
}

// decoded is a JPEG's red, green and blue, or grey, in numbers that are not rounded,
// but kept from 0 to 255 as a decoder does, before colours are made and after.
func decoded(t *testing.T, data []byte) (out []float64) {
	t.Helper()
	k := coefftest.Of(t, data)
	planes := coefftest.Coefficients(t, data)
	var parts []samples
	for c, p := range planes {
		width, height := k.Width, k.Height
		if c > 0 {
			width, height = (k.Width+k.H-1)/k.H, (k.Height+k.V-1)/k.V
		}
		parts = append(parts, samplesOf(p, k.Tables[c]).cut(width, height))
	}
	for y := range k.Height {
		for x := range k.Width {
			c := []float64{parts[0].get(x, y)}
			if k.Components > 1 {
				colour := toRGB([3]float64{c[0], parts[1].dense(k.H, k.V, x, y), parts[2].dense(k.H, k.V, x, y)})
				c = colour[:]
			}
			for _, v := range c {
				out = append(out, within(v))
			}
		}
	}
	return out
}

// TestDecoding: the tests' decoder is libjpeg's but for rounding, which that does
// three times: luma and chroma, chroma of luma's density, and colours.
func TestDecoding(t *testing.T) {
	const most = 3.5
	for _, p := range []picture{photograph(t), boxes("primaries", primary), stripes()} {
		for _, s := range samplings {
			data := coefftest.Encode(t, p.pixels, p.kind(s[0], s[1], 90))
			got, want := decoded(t, data), coefftest.Pixels(t, data)
			for i := range want {
				if math.Abs(got[i]-float64(want[i])) > most {
					t.Fatalf("%s %v: pixel %d is %.2f, and libjpeg's %d", p.name, s, i/3, got[i], want[i])
				}
			}
		}
	}
}
