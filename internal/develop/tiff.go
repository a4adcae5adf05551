package develop

import (
	"encoding/binary"

	"minilab/internal/vips"
)

// saveTIFF keeps the compression, the predictor, the tiles and the size of
// offsets of the first page. What libvips cannot write becomes deflate, which
// loses nothing.
func saveTIFF(n *negative) vips.Options {
	h := readTIFF(n.data)
	o := vips.Options{"compression": "deflate", "bigtiff": h.big}
	switch h.tag(tiffCompression, 1) {
	case 1:
		o["compression"] = "none"
	case 5:
		o["compression"] = "lzw"
	case 7:
		o["compression"], o["Q"] = "jpeg", defaultQuality
	case 32773:
		o["compression"] = "packbits"
	}
	switch {
	case h.tag(tiffPredictor, 1) == 1:
		o["predictor"] = "none"
	case n.image.Float():
		o["predictor"] = "float"
	default:
		o["predictor"] = "horizontal"
	}
	if width, height := h.tag(tiffTileWidth, 0), h.tag(tiffTileLength, 0); width > 0 && width <= 4096 && height > 0 && height <= 4096 {
		o["tile"], o["tile_width"], o["tile_height"] = true, width, height
	}
	return o
}

// sizeTIFF is the size that the first page declares, which may be beyond what
// the library reads.
func sizeTIFF(data []byte) (width, height int64) {
	h := readTIFF(data)
	return int64(h.tag(tiffWidth, 0)), int64(h.tag(tiffLength, 0))
}

// The tags that are looked at, of TIFF 6.0 and its technical notes.
const (
	tiffWidth       = 256
	tiffLength      = 257
	tiffCompression = 259
	tiffPredictor   = 317
	tiffTileWidth   = 322
	tiffTileLength  = 323
)

// tiffHeader is what the first page's directory says in whole numbers.
type tiffHeader struct {
	big  bool // offsets have 64 bits
	tags map[uint16]int
}

func (h tiffHeader) tag(id uint16, otherwise int) int {
	if v, ok := h.tags[id]; ok {
		return v
	}
	return otherwise
}

// readTIFF reads the first directory. What it cannot make sense of it leaves
// out: whether the image is whole is the decoder's business.
func readTIFF(data []byte) tiffHeader {
	h := tiffHeader{tags: map[uint16]int{}}
	if len(data) < 16 {
		return h
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 'M' {
		order = binary.BigEndian
	}
	h.big = order.Uint16(data[2:]) == 43
	start, countSize, entrySize := uint64(order.Uint32(data[4:])), uint64(2), uint64(12)
	if h.big {
		start, countSize, entrySize = order.Uint64(data[8:]), 8, 20
	}
	size := uint64(len(data))
	if start > size || size-start < countSize {
		return h
	}
	count := uint64(order.Uint16(data[start:]))
	if h.big {
		count = order.Uint64(data[start:])
	}
	for at := start + countSize; count > 0 && size-at >= entrySize; count-- {
		h.read(order, data[at:at+entrySize])
		at += entrySize
	}
	return h
}

// read takes an entry whose value is one short or long, which lies in the entry
// itself.
func (h tiffHeader) read(order binary.ByteOrder, entry []byte) {
	const short, long = 3, 4
	count, value := uint64(order.Uint32(entry[4:])), entry[8:]
	if h.big {
		count, value = order.Uint64(entry[4:]), entry[12:]
	}
	id, kind := order.Uint16(entry), order.Uint16(entry[2:])
	switch {
	case kind == short && count == 1:
		h.tags[id] = int(order.Uint16(value))
	case kind == long && count == 1:
		h.tags[id] = int(order.Uint32(value))
	}
}
