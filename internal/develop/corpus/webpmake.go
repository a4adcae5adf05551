package corpus

import (
	"encoding/binary"
	"image"
	"math/bits"
	"time"
)

// lossless is a VP8L bitstream of a picture of 8 bits, in codes of eight bits
// for every value: no smaller than the pixels, but right (RFC 9649, 3).
func lossless(m *image.NRGBA64) []byte {
	size := m.Rect.Size()
	w := &vp8l{out: []byte{0x2f}}
	w.add(uint64(size.X-1), 14)
	w.add(uint64(size.Y-1), 14)
	w.add(map[bool]uint64{false: 1}[m.Opaque()], 1) // whether alpha is used
	w.add(0, 3)                                     // version
	w.add(0, 3)                                     // no transform, no cache of colours, no image of codes
	for _, symbols := range []int{256 + 24, 256, 256, 256} {
		w.flat(symbols)
	}
	w.add(0b0_0_0_1, 4) // distances: a simple code of one symbol, of one bit: 0
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			c := m.NRGBA64At(x, y)
			for _, v := range []uint16{c.G, c.R, c.B, c.A} {
				w.add(uint64(bits.Reverse8(uint8(v>>8))), 8)
			}
		}
	}
	w.add(0, 7)
	return w.out
}

// vp8l packs bits, the first one lowest.
type vp8l struct {
	out  []byte
	rest uint64
	n    int
}

func (w *vp8l) add(v uint64, n int) {
	w.rest, w.n = w.rest|v<<w.n, w.n+n
	for ; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.rest))
		w.rest >>= 8
	}
}

// flat is a code in which the first 256 symbols have eight bits each. The
// lengths are told in a code of one bit: 0 for a length of 0, 1 for one of 8.
func (w *vp8l) flat(symbols int) {
	w.add(0, 1) // not a simple code
	// Lengths are of 17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8 and so on.
	const told = 12
	w.add(told-4, 4)
	for i := range told {
		w.add(map[bool]uint64{true: 1}[i == 2 || i == 11], 3)
	}
	w.add(0, 1) // for all symbols
	for i := range symbols {
		w.add(map[bool]uint64{true: 1}[i < 256], 1)
	}
}

// riff is a WebP of chunks.
func riff(chunks ...chunk) []byte {
	body := chunkList(chunks...)
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4))
	return append(append(out, "WEBP"...), body...)
}

func chunkList(chunks ...chunk) (out []byte) {
	for _, c := range chunks {
		out = binary.LittleEndian.AppendUint32(append(out, c.name...), uint32(len(c.body)))
		out = append(out, c.body...)
		out = append(out, make([]byte, len(c.body)&1)...)
	}
	return out
}

// Flags of an extended WebP (RFC 9649, 2.7).
const (
	webpAnimated = 0x02
	webpXMP      = 0x04
	webpExif     = 0x08
	webpAlpha    = 0x10
	webpProfile  = 0x20
)

func extended(flags byte, size image.Point) chunk {
	return chunk{"VP8X", append([]byte{flags, 0, 0, 0}, append(three(size.X-1), three(size.Y-1)...)...)}
}

func three(v int) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16)} }

// Flags of a frame.
const (
	frameClears   = 1 // to the background, when it is over
	frameReplaces = 2 // what is under it, instead of being laid over
)

// frame is one of an animated WebP.
func (p part) frame() chunk {
	var b []byte
	r := p.image.Rect
	flags := byte(0)
	if p.dispose == 2 {
		flags |= frameClears
	}
	if !p.over {
		flags |= frameReplaces
	}
	for _, v := range []int{r.Min.X / 2, r.Min.Y / 2, r.Dx() - 1, r.Dy() - 1, int(p.delay / time.Millisecond)} {
		b = append(b, three(v)...)
	}
	return chunk{"ANMF", append(append(b, flags), chunkList(chunk{"VP8L", lossless(p.image)})...)}
}
