package corpus

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"slices"
)

// Colour types of PNG.
const (
	pngGrey      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGreyAlpha = 4
	pngRGBA      = 6
)

// chunk is one of a PNG's, or of a RIFF file's.
type chunk struct {
	name string
	body []byte
}

// pngFile is how a PNG is written.
type pngFile struct {
	size       image.Point
	depth      int
	colours    byte
	interlaced bool
	before     []chunk // between the header and the pixels
	after      []chunk
}

func (f pngFile) encode(at sampler) []byte {
	head := binary.BigEndian.AppendUint32(nil, uint32(f.size.X))
	head = binary.BigEndian.AppendUint32(head, uint32(f.size.Y))
	head = append(head, byte(f.depth), f.colours, 0, 0, map[bool]byte{true: 1}[f.interlaced])
	pixels := deflated(f.rows(at))
	half := len(pixels) / 2 // two chunks, as large files have many
	chunks := slices.Concat([]chunk{{"IHDR", head}}, f.before,
		[]chunk{{"IDAT", pixels[:half]}, {"IDAT", pixels[half:]}}, f.after, []chunk{{"IEND", nil}})
	out := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range chunks {
		out = binary.BigEndian.AppendUint32(out, uint32(len(c.body)))
		start := len(out)
		out = append(append(out, c.name...), c.body...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[start:]))
	}
	return out
}

// The passes of an interlaced PNG: first column and row, and steps.
var (
	adam7 = [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
	once  = [][4]int{{0, 0, 1, 1}}
)

func (f pngFile) rows(at sampler) []byte {
	passes := once
	if f.interlaced {
		passes = adam7
	}
	var out []byte
	for _, p := range passes {
		if p[0] >= f.size.X {
			continue
		}
		for y := p[1]; y < f.size.Y; y += p[3] {
			out = append(out, 0) // the filter: none
			row := packer{depth: f.depth}
			for x := p[0]; x < f.size.X; x += p[2] {
				row.add(at(x, y)...)
			}
			out = append(out, row.whole()...)
		}
	}
	return out
}

// packer packs samples of 1 to 16 bits, the first bit on top.
type packer struct {
	depth int
	b     []byte
	rest  uint32
	n     int
}

func (w *packer) add(samples ...uint16) {
	for _, s := range samples {
		w.rest, w.n = w.rest<<w.depth|uint32(s), w.n+w.depth
		for ; w.n >= 8; w.n -= 8 {
			w.b = append(w.b, byte(w.rest>>(w.n-8)))
		}
	}
}

// whole are all bytes, the last one filled up.
func (w *packer) whole() []byte {
	if w.n > 0 {
		w.b = append(w.b, byte(w.rest<<(8-w.n)))
		w.n = 0
	}
	return w.b
}

func deflated(data []byte) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write(data) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

func pngProfile(icc []byte) chunk {
	return chunk{"iCCP", append([]byte("a profile\x00\x00"), deflated(icc)...)}
}

// pngText are texts of each kind: plain, compressed, and international.
func pngText() []chunk {
	return []chunk{
		{"tEXt", []byte("Author\x00" + artist)},
		{"zTXt", append([]byte("Comment\x00\x00"), deflated([]byte(remark))...)},
		{"iTXt", append([]byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"), xmp()...)},
	}
}
