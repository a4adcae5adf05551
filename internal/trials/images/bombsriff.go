package images

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// riffChunk is one of a WebP.
func riffChunk(kind string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body)))
	b = append(b, body...)
	return append(b, make([]byte, len(body)&1)...)
}

func webpOf(chunks ...[]byte) []byte {
	return riffChunk("RIFF", append([]byte("WEBP"), bytes.Join(chunks, nil)...))
}

func uint24(v int) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16)} }

// Flags of an extended WebP.
const (
	webpAnimated = 1 << 1
	webpProfile  = 1 << 5
	webpExif     = 1 << 3
)

func vp8x(flags byte, width, height int) []byte {
	return riffChunk("VP8X", slices.Concat([]byte{flags, 0, 0, 0}, uint24(width-1), uint24(height-1)))
}

// vp8l is a lossless header of a size, and then nothing but zeros.
func vp8l(width, height uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{0x2f}, width-1|(height-1)<<14)
	return riffChunk("VP8L", append(b, make([]byte, 40)...))
}

// blank is a lossless image of one colour: codes of no bits, for as many pixels
// as there are (RFC 9649, 3.5 and 3.7).
func blank(width, height uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{0x2f}, width-1|(height-1)<<14)
	return riffChunk("VP8L", append(b, 0x88, 0x88, 0x08, 0, 0))
}

// vp8 is a lossy key frame's header of a size, and then nothing but zeros.
func vp8(width, height uint16) []byte {
	b := []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a}
	b = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, width), height)
	return riffChunk("VP8 ", append(b, make([]byte, 60)...))
}

func anmf(x, y, width, height int, frame []byte) []byte {
	return riffChunk("ANMF", slices.Concat(uint24(x), uint24(y), uint24(width-1), uint24(height-1), uint24(10), []byte{0}, frame))
}

var anim = riffChunk("ANIM", make([]byte, 6))

func webpBombs() []Image {
	still := func(chunks ...[]byte) func() []byte { return func() []byte { return webpOf(chunks...) } }
	frames := func(width, height, n int, frame []byte) func() []byte {
		return func() []byte { return webpOf(vp8x(webpAnimated, width, height), anim, bytes.Repeat(frame, n)) }
	}
	pixel := findChunk("lossless.webp", "VP8L")
	const size = 40 // its width; its height is 28
	return []Image{
		bomb("webp of 2^24 squared", still(vp8x(0, 1<<24, 1<<24), vp8l(16, 16))),
		bomb("webp of 16384 squared", still(vp8l(16_384, 16_384))),
		bomb("webp of 6000 squared in 30 bytes", still(blank(6000, 6000))),
		bomb("webp of 10000 squared in 30 bytes", still(blank(10_000, 10_000))),
		bomb("webp of 100 frames of a megapixel", frames(1000, 1000, 100, anmf(0, 0, 1000, 1000, blank(1000, 1000)))),
		bomb("webp of 10000 squared, lossless, without pixels", still(vp8l(10_000, 10_000))),
		bomb("webp of 10000 squared, lossy, without pixels", still(vp8(10_000, 10_000))),
		bomb("webp of 16383 squared, lossy", still(vp8(16_383, 16_383))),
		bomb("webp of 1 x 16383", still(vp8(1, 16_383))),
		bomb("webp whose canvas is not its image's", still(vp8x(0, 100, 100), vp8l(9000, 9000))),
		bomb("webp, animated, without frames", frames(100, 100, 0, nil)),
		bomb("webp of 100000 frames", frames(64, 64, 100_000, anmf(0, 0, size, 28, pixel))),
		bomb("webp of 500 frames on a megapixel", frames(1000, 1000, 500, anmf(0, 0, size, 28, pixel))),
		bomb("webp of 90 frames on a megapixel", frames(1000, 1000, 90, anmf(0, 0, size, 28, pixel))),
		bomb("webp with frames beyond its canvas", frames(16, 16, 10, anmf(1<<24-1, 1<<24-1, size, 28, pixel))),
		bomb("webp with a frame that is not its image's", frames(100, 100, 10, anmf(0, 0, 64, 64, pixel))),
		bomb("webp with frames within frames", frames(100, 100, 1, anmf(0, 0, size, 28, anmf(0, 0, size, 28, pixel)))),
		bomb("webp with 50 MB of profile", func() []byte {
			return webpOf(vp8x(webpProfile, size, 28), riffChunk("ICCP", make([]byte, 50<<20)), pixel)
		}),
		bomb("webp with 50 MB of Exif", func() []byte {
			return webpOf(vp8x(webpExif, size, 28), pixel, riffChunk("EXIF", make([]byte, 50<<20)))
		}),
		bomb("webp with 200000 unknown chunks", func() []byte {
			return webpOf(vp8x(0, size, 28), bytes.Repeat(riffChunk("junk", []byte("data")), 200_000), pixel)
		}),
		bomb("webp with an alpha of nothing", still(vp8x(1<<4, 40, 28), riffChunk("ALPH", nil), findChunk("lossy.webp", "VP8 "))),
	}
}

// findChunk is a chunk of a good image.
func findChunk(name, kind string) []byte {
	data, _ := testdata.ReadFile("testdata/" + name) // embedded, so it is there
	at := bytes.Index(data, []byte(kind))
	size := int(binary.LittleEndian.Uint32(data[at+4:]))
	return data[at : at+8+size+size&1]
}
