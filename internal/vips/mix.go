package vips

// #include "vips.h"
import "C"

// Weights of red, green and blue in the brightness of a colour (ITU-R BT.709).
var Weights = [3]float64{0.2126, 0.7152, 0.0722}

// Mix makes every channel of a pixel of its red, green, blue and alpha: a row
// of the matrix has their factors and last what is added, as a share of the
// full range. One row makes grey, three make colour, and alpha stays as it is;
// the fourth makes alpha, of images that have it. Results are rounded, a half
// up. The image must have 8 or 16 bits, and colour.
func (i *Image) Mix(rows [][5]float64) (*Image, error) {
	m := C.MlMix{rows: C.int(len(rows))}
	for r, row := range rows {
		for c, v := range row {
			m.rows_of[r][c] = C.double(v)
		}
	}
	return i.mix(&m)
}

// Tint lays a colour, 0 to 1 each, over the image: the blend mode "color" of
// W3C's Compositing and Blending, with Weights. Each pixel keeps its brightness.
// Of the result so much is taken as amount says, 0 to 1, the rest of the image.
func (i *Image) Tint(colour [3]float64, amount float64) (*Image, error) {
	m := C.MlMix{rows: 3, tinted: 1, amount: C.double(amount)}
	y, above, below := 0.0, 1e-9, 1e-9
	for c, w := range Weights {
		y += w * colour[c]
	}
	for c, w := range Weights {
		d := colour[c] - y
		m.weights[c], m.tint[c] = C.double(w), C.double(d)
		above, below = max(above, d), max(below, -d)
	}
	m.above, m.below = C.double(1/above), C.double(1/below)
	return i.mix(&m)
}

func (i *Image) mix(m *C.MlMix) (*Image, error) {
	var out *C.VipsImage
	if C.ml_mix(i.p, &out, m) != 0 {
		return nil, lastError()
	}
	return &Image{p: out}, nil
}
