package coeff

import (
	"fmt"
	"testing"

	"minilab/internal/coeff/coefftest"
)

// TestAtOnce: colours, a cut and a turn at once are what they are one after the other,
// also where blocks are altered as pixels, and whichever way the source is stored.
func TestAtOnce(t *testing.T) {
	p := boxes("primaries", primary)
	for _, s := range samplings {
		for _, progressive := range []bool{false, true} {
			kind := p.kind(s[0], s[1], 80)
			kind.Progressive = progressive
			image := opened(t, coefftest.Encode(t, p.pixels, kind))
			for n, o := range operations {
				turn := Turn{Transpose: n&1 > 0, Flop: n&2 > 0, Flip: n&4 > 0}
				atOnce(t, image, o, turn, Region{Left: 16, Top: 16, Width: 64, Height: 48})
			}
		}
	}
}

func atOnce(t *testing.T, image *Image, o operation, turn Turn, r Region) {
	t.Helper()
	got := both(t, image, Order{Region: r, Turn: turn, Colours: o.colours()})
	first := opened(t, both(t, image, Order{Region: image.Whole(), Colours: o.colours()}))
	same := Same()
	same.Grey = o.grey
	want := both(t, first, Order{Region: r, Turn: turn, Colours: same})
	sameCoefficients(t, got, want, fmt.Sprintf("%dx%d, progressive %v, %s, %+v", image.H, image.V, image.Progressive, o.name, turn))
}

// TestOtherTablesAndColours: with steps that are asked for the lane is no worse than
// pixels either.
func TestOtherTablesAndColours(t *testing.T) {
	for _, p := range []picture{photograph(t), stripes()} {
		tables := coefftest.Of(t, coefftest.Encode(t, p.pixels, p.kind(1, 1, 70))).Tables
		for _, s := range samplings {
			source := coefftest.Encode(t, p.pixels, p.kind(s[0], s[1], 92))
			image, kind, exact := opened(t, source), coefftest.Of(t, source), decoded(t, source)
			kind.Tables = tables
			for _, o := range operations {
				order := Order{Region: image.Whole(), Colours: o.colours(), Tables: &[2]Table{inZigzag(tables[0]), inZigzag(tables[1])}}
				ideal := o.ideal(exact)
				lane := psnr(decoded(t, both(t, image, order)), ideal)
				other := psnr(decoded(t, o.byPixels(t, floats(coefftest.Pixels(t, source)), kind)), ideal)
				if lane < other-0.2 {
					t.Errorf("%s %v, %s: %.2f dB, but %.2f by pixels", p.name, s, o.name, lane, other)
				}
			}
		}
	}
}
