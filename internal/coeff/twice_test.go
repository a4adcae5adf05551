package coeff

import (
	"testing"

	"minilab/internal/coeff/coefftest"
)

// wayBack is the order that undoes a swap.
func wayBack(name string) operation {
	back := map[string]string{"swap:gbr": "swap:brg", "swap:brg": "swap:gbr"}[name]
	if back == "" {
		back = name
	}
	return named(back)
}

// TestThereAndBack: a swap and the one that undoes it give back the coefficients
// of chroma within 1. Those of luma come back within 1 if red and blue trade places;
// the maps of chroma of the other orders make its rounding errors larger, so that
// more of it is off, and by it a few of a thousand coefficients of luma by more.
func TestThereAndBack(t *testing.T) {
	p := photograph(t)
	most := map[string]float64{"swap:rbg": 0.004, "swap:grb": 0.004, "swap:gbr": 0.04, "swap:brg": 0.04} // others: none
	for _, s := range samplings {
		for _, quality := range []int{50, 75, 90, 95, 98, 100} {
			source := coefftest.Encode(t, p.pixels, p.kind(s[0], s[1], quality))
			for _, o := range operations {
				if !o.commutes {
					continue
				}
				off := thereAndBack(t, source, o)
				if off[1] > 0 || off[2] > 0 || off[0] > most[o.name] {
					t.Errorf("%v, quality %d, %s: shares of %.4f of coefficients are off by more than 1", s, quality, o.name, off)
				}
			}
		}
	}
}

// thereAndBack gives for each component the share of coefficients that are off
// by more than 1.
func thereAndBack(t *testing.T, source []byte, o operation) (off [3]float64) {
	image := opened(t, source)
	there := opened(t, both(t, image, Order{Region: image.Whole(), Colours: o.colours()}))
	back := both(t, there, Order{Region: image.Whole(), Colours: wayBack(o.name).colours()})
	want := coefftest.Coefficients(t, source)
	for c, plane := range coefftest.Coefficients(t, back) {
		for i := range plane.Blocks {
			for k, n := range plane.Blocks[i] {
				if d := n - want[c].Blocks[i][k]; d < -1 || d > 1 {
					off[c] += 1 / float64(64*len(plane.Blocks))
				}
			}
		}
	}
	return off
}
