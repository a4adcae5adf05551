package corpus

import (
	"image"
	"slices"
)

// scanWriter writes a JPEG's scans.
type scanWriter struct {
	file       jpegFile
	units      image.Point // minimal coded units
	components []*component
	out        []byte
	rest       uint32
	n          int
}

// The codes of both Huffman tables have the same length each: 4 bits for how
// many bits a DC difference has, 8 for a run of zeros and the bits of an AC value.
var acSymbols = func() (s []byte) {
	for v := range 256 {
		if size := v & 15; size > 0 && size <= 10 || v == 0 || v == 0xf0 {
			s = append(s, byte(v))
		}
	}
	return s
}()

func (w *scanWriter) tables() {
	steps := make([]byte, 65)
	for i := range steps[1:] {
		steps[1+i] = jpegStep
	}
	w.segment(0xdb, steps)
	dc := append([]byte{0, 0, 0, 0, 12}, make([]byte, 12)...)
	w.segment(0xc4, append(dc, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
	ac := append([]byte{0x10, 0, 0, 0, 0, 0, 0, 0, byte(len(acSymbols))}, make([]byte, 8)...)
	w.segment(0xc4, append(ac, acSymbols...))
}

// progressive tells the DC values first, without their last bit and then that,
// and each component's others in two bands.
func (w *scanWriter) progressive() {
	w.scan(w.components, 0, 0, 0, 1)
	for _, band := range [][2]int{{1, 5}, {6, 63}} {
		for i := range w.components {
			w.scan(w.components[i:i+1], band[0], band[1], 0, 0)
		}
	}
	w.scan(w.components, 0, 0, 1, 0)
}

// scan tells the coefficients from first to last; high and low are the bits that
// were left out before and are left out now.
func (w *scanWriter) scan(components []*component, first, last, high, low int) {
	body := []byte{byte(len(components))}
	for _, c := range components {
		body = append(body, w.id(slices.Index(w.components, c)), 0)
	}
	w.segment(0xda, append(body, byte(first), byte(last), byte(high<<4|low)))
	w.begin()
	units, alone := w.units, len(components) == 1
	if alone {
		units = image.Pt(components[0].width, components[0].height)
	}
	for i := range units.X * units.Y {
		if w.file.restart > 0 && i > 0 && i%w.file.restart == 0 {
			w.flush()
			w.out = append(w.out, 0xff, byte(0xd0+(i/w.file.restart-1)%8))
			w.begin()
		}
		at := image.Pt(i%units.X, i/units.X)
		for _, c := range components {
			if alone {
				w.block(c, at, first, last, high, low)
				continue
			}
			for j := range c.h * c.v {
				w.block(c, image.Pt(at.X*c.h+j%c.h, at.Y*c.v+j/c.h), first, last, high, low)
			}
		}
	}
	w.flush()
}

func (w *scanWriter) begin() {
	for _, c := range w.components {
		c.last = 0
	}
}

func (w *scanWriter) block(c *component, at image.Point, first, last, high, low int) {
	b := &c.blocks[at.Y*c.across+at.X]
	switch {
	case high > 0:
		w.bits(uint32(b[0])>>low&1, 1)
		return
	case first == 0:
		v := b[0] >> low
		size, code := magnitude(v - c.last)
		c.last = v
		w.bits(uint32(size), 4)
		w.bits(code, size)
		first = 1
	}
	if last == 0 {
		return
	}
	run := 0
	for _, v := range b[first : last+1] {
		if v == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			w.symbol(0xf0)
		}
		size, code := magnitude(v)
		w.symbol(byte(run<<4 | size))
		w.bits(code, size)
		run = 0
	}
	if run > 0 {
		w.symbol(0)
	}
}

// magnitude is a value's number of bits, and those (T.81, F.1.2.1).
func magnitude(v int) (size int, code uint32) {
	for a := max(v, -v); a > 0; a >>= 1 {
		size++
	}
	if v < 0 {
		v += 1<<size - 1
	}
	return size, uint32(v)
}

func (w *scanWriter) symbol(s byte) { w.bits(uint32(slices.Index(acSymbols, s)), 8) }

func (w *scanWriter) bits(v uint32, n int) {
	w.rest, w.n = w.rest<<n|v, w.n+n
	for ; w.n >= 8; w.n -= 8 {
		b := byte(w.rest >> (w.n - 8))
		if w.out = append(w.out, b); b == 0xff {
			w.out = append(w.out, 0)
		}
	}
}

// flush fills the last byte up with ones.
func (w *scanWriter) flush() {
	if w.n > 0 {
		w.bits(1<<(8-w.n)-1, 8-w.n)
	}
	w.rest = 0
}
