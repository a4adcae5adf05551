package darkroom

import (
	"encoding/binary"
	"math"

	"minilab/internal/vips"
)

// gaussian blurs a picture of the sheet's depth, whose pixels are in memory. A
// wide one is done on a smaller image: what is lost is what it takes away.
func (s *Sheet) gaussian(p picture, sigma float64) picture {
	widest := 16.0
	if s.deep() {
		widest = 4
	}
	if n := int(sigma / widest); n > 1 {
		return s.coarsely(p, sigma, n)
	}
	if s.deep() {
		return s.round(p.call("convsep", vips.Options{"mask": p.tray.row(gaussianMask(sigma, 0)), "precision": "float"}))
	}
	sum := maskSum(sigma)
	mask := p.tray.row(gaussianMask(sigma, sum))
	if p.tray.err == nil {
		mask.SetInt("scale", sum)
	}
	return p.call("convsep", vips.Options{"mask": mask, "precision": "integer"})
}

// maskSum is the sum of a mask for 8 bits: a power of two that makes its largest
// weight 32 to 64. The library's fast way has 7 bits for a weight, the largest
// below half of them, so it takes such a mask as it is, and what is even stays
// so. Any other would get brighter or darker by up to two steps.
func maskSum(sigma float64) int {
	if sigma < 0.4 {
		return 64
	}
	return 1 << int(math.Log2(64*math.Sqrt(2*math.Pi)*sigma))
}

// gaussianMask is one of weights exp(-x²/2σ²) for x as far as 3σ. Its sum is 1,
// or the given one of whole numbers.
func gaussianMask(sigma float64, sum int) []float64 {
	n := int(math.Ceil(3 * sigma))
	weights, total := make([]float64, 2*n+1), 0.0
	for i := range weights {
		x := float64(i - n)
		weights[i] = math.Exp(-x * x / 2 / sigma / sigma)
		total += weights[i]
	}
	for i := range weights {
		weights[i] /= total
	}
	if sum > 0 {
		wholeWeights(weights, float64(sum))
	}
	return weights
}

// wholeWeights makes symmetric weights whole: what one loses by rounding its
// neighbour gets, and the middle one has what is missing to the sum.
func wholeWeights(weights []float64, sum float64) {
	upTo, given := 0.0, 0.0
	last := len(weights) - 1
	for i := range last / 2 {
		upTo += weights[i] * sum
		w := math.Round(upTo) - given
		given += w
		weights[i], weights[last-i] = w, w
	}
	weights[last/2] = sum - 2*given
}

// coarsely blurs an image made smaller by n, and enlarges it again. The means of
// n x n pixels have blurred it already, by a variance of (n² - 1)/12.
func (s *Sheet) coarsely(p picture, sigma float64, n int) picture {
	f := float64(n)
	margin := int(math.Ceil(3*sigma/f)) * n // or the means at the edge would count as what is beyond it
	small := s.means(p, n, margin)
	small = s.gaussian(small, math.Sqrt(sigma*sigma-(f*f-1)/12)/f)
	return small.enlarged(small.Width()*n, small.Height()*n, "cubic").area(margin, margin, p.Width(), p.Height())
}

// means has one pixel, their mean, for n x n of the picture. Its edge is
// repeated around it, as far as the margin and to make it whole.
func (s *Sheet) means(p picture, n, margin int) picture {
	width, height := (p.Width()+2*margin+n-1)/n*n, (p.Height()+2*margin+n-1)/n*n
	p = p.call("embed", vips.Options{"x": margin, "y": margin, "width": width, "height": height, "extend": "copy"})
	return p.call("shrink", vips.Options{"hshrink": float64(n), "vshrink": float64(n)})
}

// row is a picture of one row of numbers: a mask, or a matrix.
func (t *Tray) row(numbers []float64) picture {
	var data []byte
	for _, v := range numbers {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
	}
	return t.pixels(data, len(numbers), 1, 1, 4)
}

// with does an operation of arithmetic on two pictures.
func (p picture) with(operation string, q picture) picture {
	if p.tray.err != nil {
		return p
	}
	return p.tray.make(operation, vips.Options{"left": p, "right": q})
}
