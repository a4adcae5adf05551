package coeff

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"minilab/internal/coeff/coefftest"
)

// hard is a picture of coefficients, larger than the reader's window: blocks that
// are empty, full, of single coefficients far apart, and of such as cannot become larger.
func hard(t *testing.T, k coefftest.Kind) []byte {
	random := rand.New(rand.NewPCG(seed, 5))
	k.Width, k.Height, k.Quality = 701, 333, 50
	planes := coefftest.Coefficients(t, coefftest.Encode(t, make([]byte, 3*k.Width*k.Height), k))
	for c, plane := range planes {
		for b := range plane.Blocks {
			plane.Blocks[b] = coefftest.Block{}
			// Of chroma less, or luma were changed to the last coefficient wherever there is any.
			for range random.IntN(4) * random.IntN(21) / (1 + 3*c) {
				plane.Blocks[b][1+random.IntN(63)] = int16(random.IntN(41) - 20)
			}
			if random.IntN(8) == 0 {
				plane.Blocks[b][63-random.IntN(9)*c] = int16(1023 - 2046*random.IntN(2))
			}
			if random.IntN(8*(1+c)) == 0 {
				for i := 1; i < 64; i++ {
					plane.Blocks[b][i] = int16(random.IntN(3) - 1)
				}
			}
			plane.Blocks[b][0] = int16(random.IntN(9) - 4) // of a colour that there is
		}
	}
	return coefftest.Write(t, planes, k)
}

// TestCarried: what is copied as codes, or read a second time to be turned, has the
// coefficients of what is kept as such and coded anew, as all with optimal codes is.
func TestCarried(t *testing.T) {
	kinds := map[string]func(*coefftest.Kind){
		"plain":     plain,
		"optimal":   func(k *coefftest.Kind) { k.Optimal = true },
		"restart 1": func(k *coefftest.Kind) { k.Restart = 1 },
		"restart 7": func(k *coefftest.Kind) { k.Restart = 7 },
	}
	for name, set := range kinds {
		for _, s := range samplings {
			k := photograph(t).kind(s[0], s[1], 0)
			set(&k)
			image := opened(t, hard(t, k))
			for _, o := range []Order{
				{Region: image.Whole()},
				{Region: Region{Left: 32, Top: 48, Width: 600, Height: 250}},
				{Region: Region{Left: 32, Top: 48, Width: 608, Height: 256}, Turn: Turn{Flip: true}},
				{Region: Region{Left: 32, Top: 48, Width: 256, Height: 240}, Turn: Turn{Transpose: true, Flop: true}},
			} {
				o.Restart = 3 * image.Restart
				for _, colours := range []Colours{Same(), operations[0].colours(), operations[4].colours(), {Luma: [3]float64{1, 2, -2}, Chroma: [2][2]float64{{0, 1}, {1, 0}}}} {
					o.Colours = colours
					asOptimal(t, name, image, o)
				}
			}
		}
	}
}

// asOptimal compares an order with the same one with optimal codes.
func asOptimal(t *testing.T, name string, image *Image, o Order) {
	t.Helper()
	got := both(t, image, o)
	o.Optimal = true
	if off := offByOne(t, got, both(t, image, o)); off > 0.002 || (off > 0 && o.Colours == Same()) {
		t.Errorf("%s %dx%d, %+v: a share of %.4f of the coefficients is off by one", name, image.H, image.V, o, off)
	}
}

// offByOne is the share of coefficients for which halves were rounded the other way.
// There are few, and none are further off.
func offByOne(t *testing.T, got, want []byte) (share float64) {
	t.Helper()
	planes := coefftest.Coefficients(t, want)
	for c, plane := range coefftest.Coefficients(t, got) {
		for b := range plane.Blocks {
			for k, n := range plane.Blocks[b] {
				switch d := n - planes[c].Blocks[b][k]; d {
				case 0:
				case 1, -1:
					share += 1 / float64(64*len(plane.Blocks))
				default:
					t.Fatalf("component %d, block %d, coefficient %d is %d, want %d", c, b, k, n, n-d)
				}
			}
		}
	}
	return share
}

// TestCodesOfBothChroma: components that have codes of their own are not copied, for
// the result has one table for both.
func TestCodesOfBothChroma(t *testing.T) {
	source := photo(t, 2, 2, plain)
	planes := coefftest.Coefficients(t, source)
	clear(planes[1].Blocks)
	source = coefftest.Write(t, planes, coefftest.Of(t, source))
	scan := bytes.Index(source, []byte{0xff, 0xda})
	frame := bytes.Index(source, []byte{0xff, 0xc0})
	if scan < 0 || frame < 0 || source[scan+8] != 0x11 {
		t.Fatal("the source is of another kind")
	}
	// A third table, of the end of a block alone, which is as long as in the usual one.
	table := append([]byte{0xff, 0xc4, 0, 20, 0x12, 0, 1}, make([]byte, 15)...)
	source[frame+1], source[scan+8] = 0xc1, 0x12
	source = slices.Insert(source, scan, table...)
	image := opened(t, source)
	sameCoefficients(t, both(t, image, Order{Region: image.Whole(), Colours: Same()}), source, "three tables")
}
