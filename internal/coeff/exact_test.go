package coeff

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"minilab/internal/coeff/coefftest"
)

// photo is a JPEG of the photograph.
func photo(t *testing.T, h, v int, set func(*coefftest.Kind)) []byte {
	p := photograph(t)
	kind := p.kind(h, v, 85)
	set(&kind)
	return coefftest.Encode(t, p.pixels, kind)
}

func plain(*coefftest.Kind) {}

// sameCoefficients compares two JPEGs.
func sameCoefficients(t *testing.T, got, want []byte, name string) {
	t.Helper()
	if !reflect.DeepEqual(coefftest.Coefficients(t, got), coefftest.Coefficients(t, want)) {
		t.Errorf("%s: the coefficients are others", name)
	}
}

// TestNothingAsked: what nothing is asked of keeps its coefficients, its kind and its
// tables, whatever its markers and codes are.
func TestNothingAsked(t *testing.T) {
	kinds := map[string]func(*coefftest.Kind){
		"plain":               plain,
		"optimal":             func(k *coefftest.Kind) { k.Optimal = true },
		"restart 1":           func(k *coefftest.Kind) { k.Restart = 1 },
		"restart 7":           func(k *coefftest.Kind) { k.Restart = 7 },
		"progressive":         func(k *coefftest.Kind) { k.Progressive = true },
		"progressive restart": func(k *coefftest.Kind) { k.Progressive, k.Restart = true, 5 },
	}
	for name, set := range kinds {
		for _, s := range samplings {
			name := fmt.Sprintf("%s %v", name, s)
			source := photo(t, s[0], s[1], set)
			image := opened(t, source)
			got := both(t, image, Order{Region: image.Whole(), Colours: Same(), Restart: image.Restart})
			sameCoefficients(t, got, source, name)
			if g, w := coefftest.Of(t, got), coefftest.Of(t, source); !reflect.DeepEqual(g, w) {
				t.Errorf("%s: it became %+v, and was %+v", name, g, w)
			}
		}
	}
}

// TestRestartMarkers are set and taken away.
func TestRestartMarkers(t *testing.T) {
	source := photo(t, 2, 2, func(k *coefftest.Kind) { k.Restart = 3 })
	image := opened(t, source)
	for _, restart := range []int{0, 1, 4, 65535} {
		got := both(t, image, Order{Region: image.Whole(), Colours: Same(), Restart: restart})
		sameCoefficients(t, got, source, fmt.Sprint("restart ", restart))
		if k := coefftest.Of(t, got); k.Restart != restart {
			t.Errorf("the markers are %d units apart, want %d", k.Restart, restart)
		}
	}
}

// TestOptimalCodes: they make the file smaller, and change nothing.
func TestOptimalCodes(t *testing.T) {
	for _, s := range samplings {
		image := opened(t, photo(t, s[0], s[1], plain))
		o := Order{Region: image.Whole(), Colours: operations[0].colours(), Restart: 2}
		usual := both(t, image, o)
		o.Optimal = true
		optimal := both(t, image, o)
		sameCoefficients(t, optimal, usual, fmt.Sprint(s))
		if len(optimal) >= len(usual) {
			t.Errorf("%v: %d bytes with optimal codes, %d without", s, len(optimal), len(usual))
		}
	}
}

// TestTurns: the result's samples are those of the source, transposed, mirrored,
// and cut out.
func TestTurns(t *testing.T) {
	for _, s := range samplings {
		for _, set := range []func(*coefftest.Kind){plain, func(k *coefftest.Kind) { k.Progressive = true }} {
			image := opened(t, photo(t, s[0], s[1], set))
			for n := range 8 {
				turn := Turn{Transpose: n&1 > 0, Flop: n&2 > 0, Flip: n&4 > 0}
				for _, size := range [][2]int{{80, 64}, {51, 27}, {1, 1}} {
					turned(t, image, regionFor(turn, size[0], size[1]), turn)
				}
			}
		}
	}
}

// mirrored says which of the source's axes a turn mirrors.
func (turn Turn) mirrored() (across, down bool) {
	if turn.Transpose {
		return turn.Flip, turn.Flop
	}
	return turn.Flop, turn.Flip
}

// regionFor begins at borders of units, or where the turn mirrors it, ends there.
func regionFor(turn Turn, width, height int) Region {
	r := Region{Left: 32, Top: 16, Width: width, Height: height}
	across, down := turn.mirrored()
	if across {
		r.Left = 112 - width
	}
	if down {
		r.Top = 96 - height
	}
	return r
}

func turned(t *testing.T, image *Image, r Region, turn Turn) {
	t.Helper()
	result := both(t, image, Order{Region: r, Turn: turn, Colours: Same(), Restart: 3})
	kind, from := coefftest.Of(t, result), coefftest.Of(t, image.data)
	want := from
	want.Restart, want.Width, want.Height, want.Tables = 3, r.Width, r.Height, kind.Tables // tables show in the samples
	if turn.Transpose {
		want.Width, want.Height, want.H, want.V = want.Height, want.Width, want.V, want.H
	}
	name := fmt.Sprintf("%+v, %+v of %+v", r, turn, from)
	if !reflect.DeepEqual(kind, want) {
		t.Fatalf("%s: it became %+v", name, kind)
	}
	across, down := turn.mirrored()
	planes := coefftest.Coefficients(t, image.data)
	for c, plane := range coefftest.Coefficients(t, result) {
		h, v, wide, tall := image.H, image.V, kind.H, kind.V
		if c == 0 {
			h, v, wide, tall = 1, 1, 1, 1
		}
		got, source := samplesOf(plane, kind.Tables[c]), samplesOf(planes[c], from.Tables[c])
		for i, g := range got.at {
			x, y := i%got.width, i/got.width
			if image.Progressive && (x/8*8*wide >= kind.Width || y/8*8*tall >= kind.Height) {
				continue // blocks without pixels are not in scans of one component (T.81, A.2.2)
			}
			if turn.Transpose {
				x, y = y, x
			}
			x, y = along(r.Left/h, (r.Left+r.Width)/h, x, across), along(r.Top/v, (r.Top+r.Height)/v, y, down)
			if w := source.at[y*source.width+x]; math.Abs(g-w) > 1e-9 {
				t.Fatalf("%s: sample %d of component %d is %.3f, want %.3f", name, i, c, g, w)
			}
		}
	}
}

// along is the place of the source that comes to a place of the result.
func along(from, to, place int, mirrored bool) int {
	if mirrored {
		return to - 1 - place
	}
	return from + place
}

// TestOffTheBorders: what would need other blocks than the source has is refused.
func TestOffTheBorders(t *testing.T) {
	for _, s := range samplings {
		image := opened(t, photo(t, s[0], s[1], plain))
		width, height := image.Unit()
		for _, o := range []Order{
			{Region: Region{Left: width - 1, Width: 20, Height: 20}},
			{Region: Region{Top: height + 1, Width: 20, Height: 20}},
			{Region: Region{Width: 2*width - 1, Height: 20}, Turn: Turn{Flop: true}},
			{Region: Region{Width: 20, Height: 2*height + 1}, Turn: Turn{Flip: true}},
			{Region: Region{Width: 20, Height: 2*height + 1}, Turn: Turn{Transpose: true, Flop: true}},
			{Region: Region{Width: 151, Height: 20}},
			{Region: Region{Left: 144, Width: -1, Height: 20}},
		} {
			o.Colours = Same()
			if err := image.Write(-1, 1<<30, o); image.Fits(o) || !errors.Is(err, ErrStrange) {
				t.Errorf("%v, %+v: %v", s, o, err)
			}
		}
	}
}

// TestGrey: of one component, and made of three.
func TestGrey(t *testing.T) {
	p := photograph(t)
	var luma []byte
	for i := 0; i < len(p.pixels); i += 3 {
		luma = append(luma, p.pixels[i])
	}
	source := coefftest.Encode(t, luma, p.kind(1, 1, 85).Grey())
	image := opened(t, source)
	sameCoefficients(t, both(t, image, Order{Region: image.Whole(), Colours: Same()}), source, "grey")
	invert := Colours{Luma: [3]float64{-1}, Add: -1}
	checkMap(t, source, both(t, image, Order{Region: image.Whole(), Colours: invert}), invert)
	for _, s := range samplings {
		source := photo(t, s[0], s[1], plain)
		image, colours := opened(t, source), Same()
		colours.Grey = true
		got := both(t, image, Order{Region: image.Whole(), Colours: colours})
		if k := coefftest.Of(t, got); k.Components != 1 || k.Width != p.width || k.Height != p.height {
			t.Fatalf("%v became %+v", s, k)
		}
		checkMap(t, source, got, colours)
	}
}

// TestOtherTables: coefficients are mapped once, from the source's steps to those
// that are asked for.
func TestOtherTables(t *testing.T) {
	for _, s := range samplings {
		source := photo(t, s[0], s[1], plain)
		image := opened(t, source)
		for _, quality := range []int{30, 97} {
			p := photograph(t)
			tables := coefftest.Of(t, coefftest.Encode(t, p.pixels, p.kind(1, 1, quality))).Tables
			o := Order{Region: image.Whole(), Colours: Same(), Tables: &[2]Table{inZigzag(tables[0]), inZigzag(tables[1])}}
			got := both(t, image, o)
			if k := coefftest.Of(t, got); !reflect.DeepEqual(k.Tables, tables) {
				t.Errorf("%v: the tables are %v, want %v", s, k.Tables, tables)
			}
			checkMap(t, source, got, Same())
			o.Turn.Transpose = true
			atOnce := both(t, image, o)
			first := opened(t, both(t, image, Order{Region: image.Whole(), Colours: Same(), Turn: o.Turn}))
			second := both(t, first, Order{Region: first.Whole(), Colours: Same(), Tables: o.Tables})
			sameCoefficients(t, atOnce, second, "transposed")
		}
	}
}

// inZigzag orders a table as T.81, figure A.6, does: along the diagonals, up and down
// by turns.
func inZigzag(table [64]uint16) (out Table) {
	n := 0
	for d := range 15 {
		for i := max(0, d-7); i <= min(d, 7); i++ {
			x, y := i, d-i
			if d%2 == 1 {
				x, y = y, x
			}
			out[n] = table[8*y+x]
			n++
		}
	}
	return out
}

// checkMap compares coefficients with what they should be, rounded, for maps that give
// luma nothing of chroma. Halves may go either way.
func checkMap(t *testing.T, source, result []byte, c Colours) {
	t.Helper()
	from, to := coefftest.Of(t, source), coefftest.Of(t, result)
	planes := coefftest.Coefficients(t, source)
	for i, plane := range coefftest.Coefficients(t, result) {
		factor, add := c.Luma[0], 8*c.Add
		if i > 0 {
			factor, add = c.Chroma[i-1][i-1], 0
		}
		for b := range plane.Blocks {
			x, y := b%plane.Across, b/plane.Across
			for k, got := range plane.Blocks[b] {
				want := factor * float64(planes[i].Blocks[y*planes[i].Across+x][k]) * float64(from.Tables[i][k])
				if k == 0 {
					want += add
				}
				want /= float64(to.Tables[i][k])
				if math.Abs(float64(got)-want) > 0.5001 {
					t.Fatalf("component %d, block %d: coefficient %d is %d, want %.3f", i, b, k, got, want)
				}
			}
		}
	}
}

// TestLargest: coefficients as large as they may be, at steps as large as they may
// be, become no larger ones, and the same by both kernels.
func TestLargest(t *testing.T) {
	random := rand.New(rand.NewPCG(seed, 4))
	for _, s := range samplings {
		p := photograph(t)
		kind := p.kind(s[0], s[1], 0)
		for range 3 {
			var table [64]uint16
			for k := range table {
				table[k] = uint16(1 + random.IntN(255))
			}
			kind.Tables = append(kind.Tables, table)
		}
		planes := coefftest.Coefficients(t, photo(t, s[0], s[1], plain))
		for _, plane := range planes {
			for b := range plane.Blocks {
				for k := 1; k < 64; k++ {
					plane.Blocks[b][k] = int16(random.IntN(2047) - 1023)
				}
				plane.Blocks[b][0] = 0 // of a colour that there is
			}
		}
		source := coefftest.Write(t, planes, kind)
		image := opened(t, source)
		sameCoefficients(t, both(t, image, Order{Region: image.Whole(), Colours: Same()}), source, fmt.Sprint(s))
		colours := operations[0].colours()
		colours.Luma, colours.Chroma[0] = [3]float64{-4, 2, 2}, [2]float64{3, -3}
		for _, plane := range coefftest.Coefficients(t, both(t, image, Order{Region: image.Whole(), Colours: colours, Optimal: true})) {
			for b := range plane.Blocks {
				for _, n := range plane.Blocks[b] {
					if n < -1023 || n > 1023 {
						t.Fatalf("%v: a coefficient is %d", s, n)
					}
				}
			}
		}
	}
}
