package develop

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"minilab/internal/engine/wire"
	"minilab/internal/vips"
)

// savePNG keeps the depth, which the pixels have, and the interlacing. For a
// photo this filter and level take two thirds of the time and space of the
// library's own choice.
func savePNG(n *negative) vips.Options {
	interlaced := len(n.data) > 28 && n.data[28] == 1
	return vips.Options{"compression": 2, "filter": pngFilterSub, "interlace": interlaced}
}

const (
	pngHead    = 8  // bytes of the signature
	pngSize    = 16 // where width, height, depth and colour type are
	pngAround  = 12 // bytes of a chunk besides its data: length, type, checksum
	pngPalette = 3  // the colour type

	pngFilterSub = 0x10 // the library's number of the filter
)

// refusePNG refuses an image of several frames (PNG 3rd edition, 11.3.6), of
// which the library knows the first only, and one whose chunks are not all
// there and right: the library forgives what it does not need for the pixels.
func refusePNG(data []byte) error {
	frames, pixels := uint32(1), false
	for at := pngHead; ; {
		kind, body, ok := chunkOfPNG(data, at)
		if !ok {
			return wire.ErrBroken.Detailf("the PNG image is broken or cut off (a chunk is damaged or missing)")
		}
		switch kind {
		case "IDAT":
			pixels = true
		case "acTL":
			if !pixels && len(body) >= 4 {
				frames = binary.BigEndian.Uint32(body)
			}
		case "IEND":
			if frames > 1 {
				return wire.ErrAnimation.Detailf("animated PNGs are not altered; send a GIF or a WebP")
			}
			return nil
		}
		at += pngAround + len(body)
	}
}

// chunkOfPNG is the chunk at an offset. It is not ok unless it is all there and
// its checksum is right.
func chunkOfPNG(data []byte, at int) (kind string, body []byte, ok bool) {
	if len(data)-at < pngAround {
		return "", nil, false
	}
	size := int64(binary.BigEndian.Uint32(data[at:]))
	if size > int64(len(data)-at-pngAround) {
		return "", nil, false
	}
	end := at + 8 + int(size)
	ok = crc32.ChecksumIEEE(data[at+4:end]) == binary.BigEndian.Uint32(data[end:])
	return string(data[at+4 : at+8]), data[at+8 : end], ok
}

// recolourPNG rewrites the table of colours and the list of their significant
// bits. An image without a table is errNoTable.
func recolourPNG(data []byte, r recolouring) ([]byte, error) {
	if len(data) < pngSize+9 || data[pngSize+9] != pngPalette {
		return nil, errNoTable
	}
	out := slices.Clone(data)
	for at := pngHead; at+pngAround <= len(out); {
		size := int(binary.BigEndian.Uint32(out[at:]))
		if size > len(out)-at-pngAround {
			break
		}
		kind, body := string(out[at+4:at+8]), out[at+8:at+8+size]
		switch kind {
		case "PLTE":
			if err := r.colours(body[:size/3*3]); err != nil {
				return nil, err
			}
		case "sBIT":
			r.bits(body)
		}
		if kind == "PLTE" || kind == "sBIT" {
			binary.BigEndian.PutUint32(out[at+8+size:], crc32.ChecksumIEEE(out[at+4:at+8+size]))
		}
		at += pngAround + size
	}
	return out, nil
}

// sizePNG is the size that the header declares, which may be beyond what the
// library reads.
func sizePNG(data []byte) (width, height int64) {
	if len(data) < pngSize+8 {
		return 0, 0
	}
	return int64(binary.BigEndian.Uint32(data[pngSize:])), int64(binary.BigEndian.Uint32(data[pngSize+4:]))
}
