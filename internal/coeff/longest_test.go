package coeff

import (
	"math/rand/v2"
	"testing"
)

// bitString is what a scan is made of, in which FF is followed by 0.
type bitString struct {
	bytes []byte
	last  uint64
	count int
}

func (b *bitString) add(value uint64, bits int) {
	b.last, b.count = b.last<<bits|value, b.count+bits
	for ; b.count >= 8; b.count -= 8 {
		p := byte(b.last >> (b.count - 8))
		if b.bytes = append(b.bytes, p); p == 0xff {
			b.bytes = append(b.bytes, 0)
		}
	}
}

// number is one of so many bits, of either sign.
func (b *bitString) number(random *rand.Rand, size int) {
	b.add(random.Uint64N(1<<size), size)
}

// long is a row of blocks with codes as long as they may be, but one of a bit, which is
// that of a number of nine. First coefficients are the least and the largest in turn.
func long(random *rand.Rand, blocks int) []byte {
	image := []byte{0xff, 0xd8}
	segment := func(mark byte, body ...byte) {
		image = append(append(image, 0xff, mark, byte((2+len(body))>>8), byte(2+len(body))), body...)
	}
	tables := make([]byte, 65)
	for i := range tables[1:] {
		tables[1+i] = 1
	}
	segment(0xdb, tables...)
	segment(0xc0, 8, 0, 8, byte(8*blocks>>8), byte(8*blocks), 1, 1, 0x11, 0)
	segment(0xc4, append(append([]byte{0}, make([]byte, 15)...), 2, 10, 11)...)
	values := []byte{0x09, 0x0a, 0x01, 0x18, 0x3a, 0xf0, 0x00} // the first one is 0, all others 10…0 and up
	segment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 14)...), append([]byte{6}, values...)...)...)
	segment(0xda, 1, 1, 0, 0, 63, 0)
	end := len(values) - 1
	var scan bitString
	for n := range blocks {
		switch {
		case n == 0:
			scan.add(0, 16)
			scan.add(1023, 10)
		case n%2 == 1:
			scan.add(1, 16)
			scan.add(0, 11) // -2047
		default:
			scan.add(1, 16)
			scan.add(2047, 11)
		}
		for k := 1; k < 64; {
			i := random.IntN(len(values) - 1)
			run, size := int(values[i]>>4), int(values[i]&15)
			if k+run > 63 || random.IntN(20) == 0 {
				i, run, size = end, 0, 0
			}
			if i == 0 {
				scan.add(0, 1)
			} else {
				scan.add(1<<15+uint64(i-1), 16)
			}
			if i == end {
				break
			}
			scan.number(random, size)
			k += run + 1
		}
	}
	scan.add(0x7f, 7)
	return append(append(image, scan.bytes...), 0xff, 0xd9)
}

// TestLongestCodes: whatever stands in front of them, codes of 16 bits and the numbers
// behind them are read as libjpeg does, passed over, and read once more.
func TestLongestCodes(t *testing.T) {
	random := rand.New(rand.NewPCG(seed, 6))
	for range 20 {
		source := long(random, 400)
		image := opened(t, source)
		for _, optimal := range []bool{false, true} {
			got := both(t, image, Order{Region: image.Whole(), Colours: Same(), Optimal: optimal})
			sameCoefficients(t, got, source, "the longest codes")
		}
		asOptimal(t, "the longest codes", image, Order{Region: image.Whole(), Turn: Turn{Flip: true}, Colours: Same()})
	}
}
