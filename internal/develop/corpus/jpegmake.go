package corpus

import (
	"encoding/binary"
	"image"
	"math"
)

// jpegFile is how a JPEG is written (ITU-T T.81).
type jpegFile struct {
	factors     [][2]int // of each component: across, down
	ids         []byte   // of the components; nil for 1, 2, 3, 4
	progressive bool
	restart     int
	before      []chunk // segments between SOI and the tables; the name is the marker
	after       []byte  // behind the end of the image
}

// plane is a component's values in 0..255, before it is sampled.
type plane func(x, y int) float64

// component is one while it is encoded.
type component struct {
	h, v          int
	width, height int // in blocks, of a scan of its own
	across        int // in blocks, with what fills the last units up
	blocks        [][64]int
	last          int // the DC value before
}

const (
	jpegStep  = 2 // of all quantisation tables
	blockSide = 8
)

func (f jpegFile) encode(size image.Point, planes ...plane) []byte {
	w := &scanWriter{file: f, out: []byte{0xff, 0xd8}}
	for _, s := range f.before {
		w.segment(s.name[0], s.body)
	}
	w.tables()
	most := [2]int{1, 1}
	for _, s := range f.factors {
		most = [2]int{max(most[0], s[0]), max(most[1], s[1])}
	}
	w.units = image.Pt(ceil(size.X, blockSide*most[0]), ceil(size.Y, blockSide*most[1]))
	for i, s := range f.factors {
		w.components = append(w.components, newComponent(size, w.units, s, most, planes[i]))
	}
	w.frame(size)
	if f.progressive {
		w.progressive()
	} else {
		w.scan(w.components, 0, 63, 0, 0)
	}
	return append(append(w.out, 0xff, 0xd9), f.after...)
}

func ceil(a, b int) int { return (a + b - 1) / b }

// newComponent samples a plane, taking the mean of what a sample covers, and
// transforms and quantises its blocks.
func newComponent(size, units image.Point, factors, most [2]int, p plane) *component {
	c := &component{h: factors[0], v: factors[1]}
	w, h := ceil(size.X*c.h, most[0]), ceil(size.Y*c.v, most[1])
	c.width, c.height, c.across = ceil(w, blockSide), ceil(h, blockSide), units.X*c.h
	sample := func(x, y int) float64 {
		x, y = min(x, w-1), min(y, h-1)
		var sum, n float64
		for sy := y * most[1] / c.v; sy < max(y*most[1]/c.v+1, (y+1)*most[1]/c.v); sy++ {
			for sx := x * most[0] / c.h; sx < max(x*most[0]/c.h+1, (x+1)*most[0]/c.h); sx++ {
				sum += p(min(sx, size.X-1), min(sy, size.Y-1))
				n++
			}
		}
		return sum/n - 128
	}
	for by := range units.Y * c.v {
		for bx := range c.across {
			c.blocks = append(c.blocks, transform(func(x, y int) float64 { return sample(bx*blockSide+x, by*blockSide+y) }))
		}
	}
	return c
}

// transform is the discrete cosine transform of a block, quantised, in zigzag order.
func transform(at func(x, y int) float64) (out [64]int) {
	var rows, both [64]float64
	for y := range blockSide {
		for u := range blockSide {
			for x := range blockSide {
				rows[y*8+u] += at(x, y) * cosines[x][u]
			}
		}
	}
	for v := range blockSide {
		for u := range blockSide {
			for y := range blockSide {
				both[v*8+u] += rows[y*8+u] * cosines[y][v]
			}
		}
	}
	for i, at := range zigzag {
		out[i] = int(math.Round(both[at] / jpegStep))
	}
	return out
}

// cosines are those of T.81, A.3.3, with their factors.
var cosines = func() (c [8][8]float64) {
	for x := range 8 {
		for u := range 8 {
			c[x][u] = 0.5 * math.Cos(float64((2*x+1)*u)*math.Pi/16)
			if u == 0 {
				c[x][u] /= math.Sqrt2
			}
		}
	}
	return c
}()

// zigzag goes along the diagonals of a block.
var zigzag = func() (z [64]int) {
	i := 0
	for d := range 15 {
		for k := range d + 1 {
			x, y := k, d-k
			if d%2 == 1 {
				x, y = y, x
			}
			if x < 8 && y < 8 {
				z[i] = y*8 + x
				i++
			}
		}
	}
	return z
}()

func (w *scanWriter) segment(mark byte, body []byte) {
	w.out = append(w.out, 0xff, mark)
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(2+len(body)))
	w.out = append(w.out, body...)
}

func (w *scanWriter) frame(size image.Point) {
	body := binary.BigEndian.AppendUint16([]byte{8}, uint16(size.Y))
	body = binary.BigEndian.AppendUint16(body, uint16(size.X))
	body = append(body, byte(len(w.components)))
	for i, c := range w.components {
		body = append(body, w.id(i), byte(c.h<<4|c.v), 0)
	}
	mark := byte(0xc0)
	if w.file.progressive {
		mark = 0xc2
	}
	w.segment(mark, body)
	if w.file.restart > 0 {
		w.segment(0xdd, binary.BigEndian.AppendUint16(nil, uint16(w.file.restart)))
	}
}

func (w *scanWriter) id(i int) byte {
	if w.file.ids != nil {
		return w.file.ids[i]
	}
	return byte(i + 1)
}
