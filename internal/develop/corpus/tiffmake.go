package corpus

import (
	"encoding/binary"
	"image"
	"slices"
)

// Compressions of TIFF.
const (
	tiffNone     = 1
	tiffLZW      = 5
	tiffJPEG     = 7
	tiffDeflate  = 8
	tiffPackBits = 32773
)

// What the samples of a TIFF mean.
const (
	tiffMinIsWhite = 0
	tiffMinIsBlack = 1
	tiffRGB        = 2
	tiffIndexed    = 3
	tiffCMYK       = 5
	tiffYCbCr      = 6
)

// tiffPage is how a page is written.
type tiffPage struct {
	order       binary.AppendByteOrder
	size        image.Point
	depth       int
	channels    int
	meaning     uint16
	alpha       uint16 // 1: colours are multiplied with it, 2: they are not
	compression uint16
	predictor   bool
	tile        int // side of a tile, 0 for strips
	rows        int // of a strip
	planes      bool
	more        []field
	jpeg        func(r image.Rectangle) []byte // instead of samples
}

// fields are the page's directory.
func (p tiffPage) fields(at sampler) []field {
	depths := make([]uint16, p.channels)
	for i := range depths {
		depths[i] = uint16(p.depth)
	}
	out := []field{
		long(256, uint32(p.size.X)), long(257, uint32(p.size.Y)), short(258, depths...), short(259, p.compression),
		short(262, p.meaning), short(277, uint16(p.channels)), ratio(282, 72, 1), ratio(283, 72, 1), short(296, 2),
	}
	if p.alpha != 0 {
		out = append(out, short(338, p.alpha))
	}
	if p.predictor {
		out = append(out, short(317, 2))
	}
	if p.planes {
		out = append(out, short(284, 2))
	}
	blocks := p.blocks(at)
	sizes := make([]uint32, len(blocks))
	for i, b := range blocks {
		sizes[i] = uint32(len(b))
	}
	if p.tile > 0 {
		out = append(out, short(322, uint16(p.tile)), short(323, uint16(p.tile)), data(324, blocks...), long(325, sizes...))
	} else {
		out = append(out, short(278, uint16(p.rows)), data(273, blocks...), long(279, sizes...))
	}
	return append(out, p.more...)
}

// blocks are the strips or tiles, those of the first channel first if every
// channel has its own.
func (p tiffPage) blocks(at sampler) [][]byte {
	if !p.planes {
		return p.plane(at)
	}
	var all [][]byte
	for i := range p.channels {
		all = append(all, p.plane(func(x, y int) []uint16 { return at(x, y)[i : i+1] })...)
	}
	return all
}

func (p tiffPage) plane(at sampler) (blocks [][]byte) {
	w, h := p.size.X, p.rows
	if p.tile > 0 {
		w, h = p.tile, p.tile
	}
	for y := 0; y < p.size.Y; y += h {
		for x := 0; x < p.size.X; x += w {
			r := image.Rect(x, y, x+w, y+h)
			if p.tile == 0 {
				r.Max.Y = min(r.Max.Y, p.size.Y)
			}
			if p.jpeg != nil {
				blocks = append(blocks, p.jpeg(r))
			} else {
				blocks = append(blocks, p.squeeze(p.pixels(r, at), r.Dy()))
			}
		}
	}
	return blocks
}

func (p tiffPage) pixels(r image.Rectangle, at sampler) (out []byte) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := packer{depth: p.depth}
		var before []uint16
		for x := r.Min.X; x < r.Max.X; x++ {
			v := at(min(x, p.size.X-1), min(y, p.size.Y-1))
			row.add(p.predict(v, before)...)
			before = v
		}
		b := row.whole()
		if little := p.order.AppendUint16(nil, 1)[0] == 1; little && p.depth == 16 {
			for i := 0; i < len(b); i += 2 {
				b[i], b[i+1] = b[i+1], b[i]
			}
		}
		out = append(out, b...)
	}
	return out
}

// predict is the difference to the pixel before.
func (p tiffPage) predict(v, before []uint16) []uint16 {
	if !p.predictor || before == nil {
		return v
	}
	out := make([]uint16, len(v))
	for i := range v {
		out[i] = (v[i] - before[i]) & (1<<p.depth - 1)
	}
	return out
}

func (p tiffPage) squeeze(block []byte, rows int) (out []byte) {
	switch p.compression {
	case tiffLZW:
		return lzw(block)
	case tiffDeflate:
		return deflated(block)
	case tiffPackBits:
		for row := range slices.Chunk(block, len(block)/rows) {
			out = append(out, packBits(row)...)
		}
		return out
	}
	return block
}

// lzw tells every byte by a code of nine bits, and begins anew before codes
// would have ten.
func lzw(block []byte) []byte {
	const clear, end, most = 256, 257, 250
	w := packer{depth: 9}
	for i, b := range block {
		if i%most == 0 {
			w.add(clear)
		}
		w.add(uint16(b))
	}
	w.add(end)
	return w.whole()
}

// packBits has runs of three or more as such, and all else as it is.
func packBits(block []byte) (out []byte) {
	for len(block) > 0 {
		n := 1
		for n < len(block) && n < 128 && block[n] == block[0] {
			n++
		}
		if n > 2 {
			out, block = append(out, byte(257-n), block[0]), block[n:]
			continue
		}
		out, block = append(out, 0, block[0]), block[1:]
	}
	return out
}
