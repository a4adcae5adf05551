package imagehead_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"golang.org/x/image/tiff"
)

// The images of these tests: encoded by Go where Go can, put together by hand
// where it cannot.

func encode(t testing.TB, name string, width, height int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	var b bytes.Buffer
	var err error
	switch name {
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "png":
		err = png.Encode(&b, img)
	case "gif":
		err = gif.Encode(&b, img, nil)
	case "tiff":
		err = tiff.Encode(&b, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// segment is a JPEG segment.
func segment(marker byte, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(payload)+2))
	return append(b, payload...)
}

func sof(marker byte, width, height uint16) []byte {
	p := binary.BigEndian.AppendUint16([]byte{8}, height)
	p = binary.BigEndian.AppendUint16(p, width)
	return segment(marker, append(p, 1, 1, 0x11, 0))
}

func jpegOf(parts ...[]byte) []byte { return append([]byte{0xff, 0xd8}, bytes.Join(parts, nil)...) }

// chunk is a PNG chunk.
func chunk(kind string, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	b = append(append(b, kind...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func ihdr(width, height uint32) []byte {
	p := binary.BigEndian.AppendUint32(nil, width)
	return chunk("IHDR", append(binary.BigEndian.AppendUint32(p, height), 8, 2, 0, 0, 0))
}

func acTL(frames uint32) []byte {
	return chunk("acTL", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, frames), 0))
}

func pngOf(chunks ...[]byte) []byte {
	return append([]byte("\x89PNG\r\n\x1a\n"), bytes.Join(chunks, nil)...)
}

func gifOf(width, height uint16) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("GIF89a"), width)
	return append(binary.LittleEndian.AppendUint16(b, height), 0, 0, 0, 0x3b)
}

// webpOf makes a file of one chunk.
func webpOf(kind string, payload []byte) []byte {
	b := append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(payload)+12)), "WEBP"+kind...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(payload))), payload...)
}

func vp8(width, height uint16) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{0x10, 0, 0, 0x9d, 0x01, 0x2a}, width|1<<14) // with a scale, which is none of the size
	return webpOf("VP8 ", binary.LittleEndian.AppendUint16(b, height|2<<14))
}

func vp8l(width, height uint32) []byte {
	return webpOf("VP8L", binary.LittleEndian.AppendUint32([]byte{0x2f}, (width-1)|(height-1)<<14|1<<28))
}

func vp8x(flags byte, width, height uint32) []byte {
	w, h := width-1, height-1
	return webpOf("VP8X", []byte{flags, 0, 0, 0, byte(w), byte(w >> 8), byte(w >> 16), byte(h), byte(h >> 8), byte(h >> 16)})
}

// page is one directory of a TIFF.
type page struct {
	width, height uint64
	kind          uint16 // of the two values: 1, 3, 4 or 16
}

// tiffOf makes a TIFF, or a BigTIFF, of directories one behind the other,
// gap bytes behind the header.
func tiffOf(order binary.AppendByteOrder, big bool, gap int, pages ...page) []byte {
	b := tiffHeader(order, big, gap)
	for i, p := range pages {
		b = appendPage(b, order, big, p, i == len(pages)-1)
	}
	return b
}

func tiffHeader(order binary.AppendByteOrder, big bool, gap int) []byte {
	b := []byte("II")
	if order.AppendUint16(nil, 1)[0] == 0 {
		b = []byte("MM")
	}
	if !big {
		b = order.AppendUint32(order.AppendUint16(b, 42), uint32(8+gap))
	} else {
		b = order.AppendUint16(order.AppendUint16(order.AppendUint16(b, 43), 8), 0)
		b = order.AppendUint64(b, uint64(16+gap))
	}
	return append(b, make([]byte, gap)...)
}

func appendPage(b []byte, order binary.AppendByteOrder, big bool, p page, last bool) []byte {
	word := func(b []byte, v uint64) []byte {
		if big {
			return order.AppendUint64(b, v)
		}
		return order.AppendUint32(b, uint32(v))
	}
	if big {
		b = order.AppendUint64(b, 2)
	} else {
		b = order.AppendUint16(b, 2)
	}
	for i, v := range []uint64{p.width, p.height} {
		b = order.AppendUint16(order.AppendUint16(b, uint16(256+i)), p.kind)
		b = word(b, 1)
		end := len(word(nil, 0)) + len(b)
		switch p.kind {
		case 1:
			b = append(b, byte(v))
		case 3:
			b = order.AppendUint16(b, uint16(v))
		case 4:
			b = order.AppendUint32(b, uint32(v))
		default:
			b = word(b, v)
		}
		b = append(b, make([]byte, end-len(b))...)
	}
	if last {
		return word(b, 0)
	}
	return word(b, uint64(len(word(b, 0))))
}

// boxOf is a box of the ISO base media file format.
func boxOf(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)+8))
	return append(append(b, kind...), body...)
}

// longBoxOf is boxOf with a size of 64 bits.
func longBoxOf(kind string, body []byte) []byte {
	b := append(binary.BigEndian.AppendUint32(nil, 1), kind...)
	return append(binary.BigEndian.AppendUint64(b, uint64(len(body)+16)), body...)
}

func ftyp(major string, compatible ...string) []byte {
	brands := []byte(major + "\x00\x00\x00\x00")
	for _, c := range compatible {
		brands = append(brands, c...)
	}
	return boxOf("ftyp", brands)
}

func ispe(width, height uint32) []byte {
	return boxOf("ispe", make([]byte, 4), binary.BigEndian.AppendUint32(nil, width), binary.BigEndian.AppendUint32(nil, height))
}

func metaOf(properties ...[]byte) []byte {
	return boxOf("meta", make([]byte, 4), boxOf("pitm", make([]byte, 6)), boxOf("iprp", boxOf("ipco", properties...)))
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
