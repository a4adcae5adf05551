package coeff

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"minilab/internal/coeff/coefftest"
)

// steps is a picture of even luma, whose chroma jumps at the borders of blocks of
// chroma and at places beside them, across and down.
func steps(h, v int) picture {
	random := rand.New(rand.NewPCG(seed, 3))
	p := picture{name: "steps", width: 8*h*7 - 3, height: 8*v*6 - 1, ycc: true}
	across, down := bands(random, p.width, 8*h), bands(random, p.height, 8*v)
	for y := range p.height {
		for x := range p.width {
			p.pixels = append(p.pixels, 128, byte(64+128*(across[x]^down[y])), byte(192-128*(across[x]&down[y])))
		}
	}
	return p
}

// bands are 0 and 1 by turns, which begin within 2 samples of chroma of a border.
func bands(random *rand.Rand, length, unit int) []int {
	out := make([]int, length)
	for border := 0; border <= length; border += unit {
		from := border + (random.IntN(5)-2)*unit/8
		for i := max(from, 0); i < length; i++ {
			out[i] ^= 1
		}
	}
	return out
}

// TestEdgesOfChroma: what luma gets of chroma is chroma as libjpeg upsamples it, also
// at borders of blocks, between rows of units, and at the image's edges. With steps
// of 1 little is rounded: luma's coefficients, and chroma when libjpeg decodes it and
// when it upsamples it, of which a half and a quarter are added. What a neighbour adds
// is a quarter of that at least: 8 values.
func TestEdgesOfChroma(t *testing.T) {
	const (
		mean = 0.25
		most = 1.5
	)
	colours := Same()
	colours.Luma = [3]float64{1, 0.5, -0.25}
	looked := colours
	looked.Stops = &RGB{Rows: [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}} // nothing of it ends
	for round, s := range append(slices.Clone(samplings), samplings...) {
		p := steps(s[0], s[1])
		kind := p.kind(s[0], s[1], 100)
		source := coefftest.Encode(t, p.pixels, kind)
		image := opened(t, source)
		order := Order{Region: image.Whole(), Colours: colours}
		if round >= len(samplings) {
			order.Colours = looked
		}
		result := both(t, image, order)
		got := samplesOf(coefftest.Coefficients(t, result)[0], coefftest.Of(t, result).Tables[0])
		sum := 0.0
		for i, c := 0, coefftest.YCC(t, source); i < len(c); i += 3 {
			x, y := i/3%p.width, i/3/p.width
			want := float64(c[i]) + 0.5*(float64(c[i+1])-128) - 0.25*(float64(c[i+2])-128)
			off := math.Abs(got.get(x, y) - want)
			if off > most {
				t.Fatalf("%v: luma at %d, %d is %.2f, want %.2f", s, x, y, got.get(x, y), want)
			}
			sum += off * off
		}
		if got := math.Sqrt(sum / float64(p.width*p.height)); got > mean {
			t.Errorf("%v: luma is off by %.2f on average", s, got)
		}
	}
}
