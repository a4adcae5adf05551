package images

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// segment is a JPEG's.
func segment(marker byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2))
	return append(b, body...)
}

// flatJPEG is a progressive grey image of blocks that are all alike, whose
// scans take a few bytes whatever its size.
func flatJPEG(width, height uint16, scans int) []byte {
	frame := binary.BigEndian.AppendUint16([]byte{8}, height)
	frame = append(binary.BigEndian.AppendUint16(frame, width), 1, 1, 0x11, 0)
	table := append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)
	// Both tables of codes have one: 0 of the direct currents' is no difference,
	// 0xe0 of the others' is the end of 2^14 and more blocks.
	codes := func(class, symbol byte) []byte {
		return segment(0xc4, append(append([]byte{class, 1}, make([]byte, 15)...), symbol))
	}
	out := slices.Concat([]byte{0xff, 0xd8}, segment(0xdb, table), segment(0xc2, frame), codes(0, 0), codes(0x10, 0xe0))
	blocks := (int(width) + 7) / 8 * ((int(height) + 7) / 8)
	direct := slices.Concat(segment(0xda, []byte{1, 1, 0, 0, 0, 0}), make([]byte, (blocks+7)/8))
	ends := make([]byte, (15*(blocks/(1<<14)+1)+7)/8)
	out = append(out, direct...)
	for range scans {
		out = append(append(out, segment(0xda, []byte{1, 1, 0, 1, 63, 0})...), ends...)
	}
	return append(out, 0xff, 0xd9)
}

func jpegBombs() []Image {
	good := photo()
	before := func(more func() []byte) func() []byte {
		return func() []byte { return slices.Concat(good[:2], more(), good[2:]) }
	}
	repeat := func(marker byte, head string, size, n int) func() []byte {
		return before(func() []byte {
			return bytes.Repeat(segment(marker, append([]byte(head), make([]byte, size)...)), n)
		})
	}
	frame := func(marker byte, width, height uint16) func() []byte {
		return func() []byte {
			return withFrame(good, func(at int, data []byte) []byte {
				data[at+1] = marker
				binary.BigEndian.PutUint16(data[at+5:], height)
				binary.BigEndian.PutUint16(data[at+7:], width)
				return data
			})
		}
	}
	return []Image{
		bomb("jpeg with 5000 small segments", repeat(0xe5, "x", 10, 5000)),
		bomb("jpeg with 20 MB of segments", repeat(0xe5, "x", 65_000, 320)),
		bomb("jpeg with 20 MB of XMP", repeat(0xe1, "http://ns.adobe.com/xap/1.0/\x00", 65_000, 320)),
		bomb("jpeg with 320 segments of Exif", repeat(0xe1, "Exif\x00\x00II*\x00\x08\x00\x00\x00", 65_000, 320)),
		bomb("jpeg with Exif going round", before(func() []byte {
			return segment(0xe1, []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x69\x87\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00\x00"))
		})),
		bomb("jpeg with 16 MB of profile", before(profile)),
		bomb("jpeg with one part of 255 of a profile", repeat(0xe2, "ICC_PROFILE\x00\x01\xff", 65_000, 1)),
		bomb("jpeg with 10 MB of filling", before(func() []byte { return bytes.Repeat([]byte{0xff}, 10<<20) })),
		bomb("jpeg with 20000 tables of codes", before(func() []byte {
			at := bytes.Index(good, []byte{0xff, 0xc4})
			size := int(binary.BigEndian.Uint16(good[at+2:]))
			return bytes.Repeat(good[at:at+2+size], 20_000)
		})),
		bomb("jpeg of 65500 squared", frame(0xc0, 65_500, 65_500)),
		bomb("jpeg of 1 x 60000", frame(0xc0, 1, 60_000)),
		bomb("jpeg of 60000 x 1", frame(0xc0, 60_000, 1)),
		bomb("jpeg of 10000 squared without pixels", frame(0xc0, 10_000, 10_000)),
		bomb("jpeg of 10000 squared, progressive, without pixels", frame(0xc2, 10_000, 10_000)),
		bomb("jpeg without a height", frame(0xc0, 40, 0)),
		bomb("jpeg, lossless", frame(0xc3, 40, 28)),
		bomb("jpeg, hierarchical", frame(0xc5, 40, 28)),
		bomb("jpeg, arithmetic", frame(0xc9, 40, 28)),
		bomb("jpeg, arithmetic, progressive", frame(0xca, 40, 28)),
		bomb("jpeg with two frames", func() []byte {
			return withFrame(good, func(at int, data []byte) []byte { return slices.Insert(data, at, data[at:at+19]...) })
		}),
		bomb("jpeg of 50 scans", func() []byte { return flatJPEG(64, 64, 50) }),
		bomb("jpeg of 5000 scans", func() []byte { return flatJPEG(64, 64, 5000) }),
		bomb("jpeg of 90 scans of 100 megapixels", func() []byte { return flatJPEG(10_000, 10_000, 90) }),
		bomb("jpeg of 5000 scans of 100 megapixels", func() []byte { return flatJPEG(10_000, 10_000, 5000) }),
		bomb("jpeg with a megabyte of restarts", func() []byte {
			return slices.Concat(good[:len(good)-2], bytes.Repeat([]byte{0xff, 0xd0}, 1<<19), []byte{0xff, 0xd9})
		}),
	}
}

// withFrame changes a JPEG at its frame's header.
func withFrame(good []byte, change func(at int, data []byte) []byte) []byte {
	return change(bytes.Index(good, []byte{0xff, 0xc0}), bytes.Clone(good))
}

// profile is one as long as segments can tell, of nothing.
func profile() []byte {
	var out []byte
	for i := range 255 {
		out = append(out, segment(0xe2, append([]byte{'I', 'C', 'C', '_', 'P', 'R', 'O', 'F', 'I', 'L', 'E', 0, byte(i + 1), 255}, make([]byte, 65_000)...))...)
	}
	return out
}
