package images

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
)

// pngMagic is how a PNG begins.
const pngMagic = "\x89PNG\r\n\x1a\n"

// chunk is a PNG chunk.
func chunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// Colour types of PNG.
const (
	pngGrey    = 0
	pngRGB     = 2
	pngPalette = 3
	pngRGBA    = 6
)

func ihdr(width, height uint32, depth, colour, interlace byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, width)
	b = binary.BigEndian.AppendUint32(b, height)
	return chunk("IHDR", append(b, depth, colour, 0, 0, interlace))
}

func pngOf(chunks ...[]byte) []byte {
	return append([]byte(pngMagic), bytes.Join(append(chunks, chunk("IEND", nil)), nil)...)
}

// zeros is that many zeros, deflated: a thousandth of it. A block that is
// deflated once is repeated, and the checksum of zeros is known (RFC 1950).
func zeros(n int) []byte {
	const size = 1 << 20
	block := deflated(make([]byte, size))
	out := append([]byte{0x78, 0x9c}, bytes.Repeat(block, n/size)...)
	out = append(out, deflated(make([]byte, n%size))...)
	out = append(out, 1, 0, 0, 0xff, 0xff) // the last block, which is empty
	const modulus = 65521
	return binary.BigEndian.AppendUint32(out, uint32(n%modulus)<<16|1)
}

// deflated is data as whole blocks, none of which is the last.
func deflated(data []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression) // a level that there is
	_, _ = w.Write(data)                                  // a buffer takes everything
	_ = w.Flush()
	return b.Bytes()
}

// InterlacedPNG is a black image in the seven passes of Adam7.
func InterlacedPNG(width, height int) []byte {
	size := 0
	// Where each pass starts and how far its pixels are apart.
	for _, p := range [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		columns, rows := (width-p[0]+p[2]-1)/p[2], (height-p[1]+p[3]-1)/p[3]
		size += rows * (1 + 3*columns)
	}
	return pngOf(ihdr(uint32(width), uint32(height), 8, pngRGB, 1), chunk("IDAT", zeros(size)))
}

// animatedPNG has two frames.
func animatedPNG() []byte {
	const side = 8
	pixels := zeros(side * (1 + 3*side))
	control := func(sequence byte) []byte {
		b := []byte{0, 0, 0, sequence, 0, 0, 0, side, 0, 0, 0, side}
		return chunk("fcTL", append(b, make([]byte, 14)...))
	}
	return pngOf(ihdr(side, side, 8, pngRGB, 0), chunk("acTL", []byte{0, 0, 0, 2, 0, 0, 0, 0}),
		control(0), chunk("IDAT", pixels), control(1), chunk("fdAT", append([]byte{0, 0, 0, 2}, pixels...)))
}

// pngChunks gives where each chunk's length is, as far as they are whole.
func pngChunks(data []byte) []int {
	var all []int
	for at := len(pngMagic); at+12 <= len(data); {
		size := binary.BigEndian.Uint32(data[at:])
		if int64(size) > int64(len(data)-at-12) {
			break
		}
		all = append(all, at)
		at += 12 + int(size)
	}
	return all
}

// sign puts the checksums right, so that what is wrong is not found by them.
func sign(data []byte) {
	for _, at := range pngChunks(data) {
		end := at + 8 + int(binary.BigEndian.Uint32(data[at:]))
		binary.BigEndian.PutUint32(data[end:], crc32.ChecksumIEEE(data[at+4:end]))
	}
}

// checksums make each checksum of a PNG wrong.
func checksums(good []Seed) []Image {
	var all []Image
	for _, s := range good {
		if s.Format != "png" {
			continue
		}
		for _, at := range pngChunks(s.Data) {
			data := bytes.Clone(s.Data)
			data[at+8+int(binary.BigEndian.Uint32(data[at:]))] ^= 0x10
			all = append(all, fixed("checksum", s.Name+" "+string(data[at+4:at+8]), data))
		}
	}
	return all
}
