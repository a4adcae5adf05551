package darkroom

import (
	"fmt"
	"math"
	"slices"

	"minilab/internal/vips"
)

// waves are cosines of a frequency over n pixels: at the pixels' middles, or
// with shift 0 at their beginnings.
func waves(n, frequency int, shift float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = math.Cos(math.Pi * float64(frequency) * (float64(i) + shift) / float64(n))
	}
	return list
}

// amplitude is the mean of a plane's product with a wave across and one down.
func (p plane) amplitude(across, down []float64) (sum float64) {
	for y, fy := range down {
		row := 0.0
		for x, fx := range across {
			row += fx * p[y*len(across)+x]
		}
		sum += row * fy
	}
	return sum / float64(len(p))
}

// hashSide is the width and height in pixels of what the perceptual hash is of.
const hashSide = 32

// perceptualHash is the signs of the 8 x 8 lowest frequencies of brightness,
// compared with their median, row by row as 16 hexadecimal digits: the pHash
// that is in common use.
func (m miniature) perceptualHash() string {
	var brightness plane = make([]float64, len(m.pixels))
	for c, w := range vips.Weights {
		for i, v := range m.onWhite(c) {
			brightness[i] += w * v
		}
	}
	square := brightness.scaled(m.width, m.height, hashSide)
	frequencies := make([]float64, 0, 64)
	for y := range 8 {
		for x := range 8 {
			frequencies = append(frequencies, square.amplitude(waves(hashSide, x, 0.5), waves(hashSide, y, 0.5)))
		}
	}
	sorted := slices.Sorted(slices.Values(frequencies))
	median := (sorted[31] + sorted[32]) / 2
	var hash uint64
	for _, f := range frequencies {
		hash <<= 1
		if f > median {
			hash |= 1
		}
	}
	return fmt.Sprintf("%016x", hash)
}

// scaled is the plane as a square: each of its pixels is the mean of the area
// that it covers.
func (p plane) scaled(width, height, side int) plane {
	narrow := make(plane, height*side)
	for y := range height {
		shrink(p[y*width:(y+1)*width], 1, narrow[y*side:(y+1)*side], 1)
	}
	out := make(plane, side*side)
	for x := range side {
		shrink(narrow[x:], side, out[x:], side)
	}
	return out
}

// shrink makes a line of pixels that are so far apart one of another length.
func shrink(from []float64, step int, to []float64, toStep int) {
	n, m := (len(from)+step-1)/step, (len(to)+toStep-1)/toStep
	for i := range m {
		left, right := float64(i*n)/float64(m), float64((i+1)*n)/float64(m)
		sum := 0.0
		for k := int(left); k < n && float64(k) < right; k++ {
			sum += from[k*step] * (min(right, float64(k+1)) - max(left, float64(k)))
		}
		to[i*toStep] = sum / (right - left)
	}
}
