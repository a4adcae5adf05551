package coeff

import (
	"bytes"
	"errors"
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

// TestCarried: what is copied as codes, the source's or those of a turned result, has the
// coefficients of what is kept as such and coded anew, as all with optimal codes is.
func TestCarried(t *testing.T) {
	kinds := map[string]func(*coefftest.Kind){
		"plain":     plain,
		"optimal":   func(k *coefftest.Kind) { k.Optimal = true },
		"restart 1": func(k *coefftest.Kind) { k.Restart = 1 },
		"restart 7": func(k *coefftest.Kind) { k.Restart = 7 },
	}
	looked := Same()
	looked.Stops = &RGB{Rows: [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}} // nothing of it ends
	maps := []Colours{
		Same(), looked,
		{Luma: [3]float64{1, 2, -2}, Chroma: [2][2]float64{{0, 1}, {1, 0}}, Add: 5},
		{Luma: [3]float64{1, 0, 0}, Chroma: [2][2]float64{{0.5, 0}, {0, -1}}, Add: 5},
	}
	for _, name := range []string{"swap:bgr", "swap:brg", "grayscale", "saturation:0.5", "brightness:0.2"} {
		maps = append(maps, named(name).colours())
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
				for _, colours := range maps {
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

// lumaCodes is where in a JPEG the values of luma's usual codes are.
func lumaCodes(t *testing.T, data []byte) []byte {
	t.Helper()
	_, segment, ok := bytes.Cut(data, []byte{0xff, 0xc4, 0, 19 + 162, 0x10})
	if !ok {
		t.Fatal("luma has other codes")
	}
	return segment[16 : 16+162]
}

// TestCodesForAll: luma's codes are carried over if the source has one for whatever may
// come of it, be it another one than usual, and not if a single one is missing.
func TestCodesForAll(t *testing.T) {
	const none = 0x0b // a value that no coefficient has
	k := coefftest.Kind{Width: 40, Height: 24, Components: 3, H: 1, V: 1, Quality: 50}
	planes := coefftest.Coefficients(t, coefftest.Encode(t, make([]byte, 3*k.Width*k.Height), k))
	for b := range planes[0].Blocks {
		for i := 1; i < 64; i++ {
			planes[0].Blocks[b][i] = 1
		}
		planes[0].Blocks[b][0], planes[1].Blocks[b][0] = 0, 2
	}
	source := coefftest.Write(t, planes, k)
	o := Order{Region: Region{Width: k.Width, Height: k.Height}, Colours: operations[0].colours()}
	usual := bytes.Clone(lumaCodes(t, source))
	for i := 1; i < len(usual); i++ { // the first one is all that the source uses
		codes := lumaCodes(t, source)
		codes[i] = none
		if got := lumaCodes(t, both(t, opened(t, source), o)); !bytes.Equal(got, usual) {
			t.Errorf("codes without one for %#02x are carried over", usual[i])
		}
		copy(codes, usual)
		next := 1 + i%(len(usual)-1)
		codes[i], codes[next] = codes[next], codes[i]
		if got := lumaCodes(t, both(t, opened(t, source), o)); !bytes.Equal(got, codes) {
			t.Errorf("codes with another one for %#02x are not carried over", usual[i])
		}
		copy(codes, usual)
	}
}

// TestCodesOfBothChroma: components that have codes of their own are not copied, for
// the result has one table for both. Turned, each is read by its own.
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
	asOptimal(t, "three tables", image, Order{Region: Region{Width: 150, Height: 96}, Turn: Turn{Flip: true}, Colours: Same()})
}

// lone is an image of one block with a code of a value behind its first coefficient, a
// number of as many bits as that says, and the code of the end.
func lone(value byte) []byte {
	image := []byte{0xff, 0xd8}
	segment := func(mark byte, body ...byte) {
		image = append(append(image, 0xff, mark, 0, byte(2+len(body))), body...)
	}
	segment(0xdb, append(make([]byte, 1), bytes.Repeat([]byte{1}, 64)...)...)
	segment(0xc0, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)
	segment(0xc4, append([]byte{0x00, 1}, make([]byte, 16)...)...)                      // 0: no difference
	segment(0xc4, append([]byte{0x10, 1, 1}, append(make([]byte, 14), value, 0)...)...) // 0: the value, 10: the end
	segment(0xda, 1, 1, 0, 0, 63, 0)
	used := 4 + int(value&15)
	bits := 0b11<<(24-used) - 1 // two codes and the number, all zeros; the end; ones
	image = append(image, []byte{byte(bits >> 16), byte(bits >> 8), byte(bits)}[:(used+7)/8]...)
	return append(image, 0xff, 0xd9)
}

// TestLoneValues: codes are looked at, whether they are read or passed over: of values
// that no coefficient has none is.
func TestLoneValues(t *testing.T) {
	for value := range 256 {
		want := ErrStrange
		if size := value & 15; value == 0 || value == 0xf0 || (size >= 1 && size <= 10) {
			want = nil
		}
		image := opened(t, lone(byte(value)))
		for _, optimal := range []bool{false, true} {
			o := Order{Region: image.Whole(), Colours: Same(), Optimal: optimal}
			if _, err := same(t, image, o); !errors.Is(err, want) {
				t.Errorf("value %#02x, read %v: %v, want %v", value, optimal, err, want)
			}
		}
	}
}
