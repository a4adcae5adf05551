package images

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// avif is what an AVIF is put together from.
type avif struct {
	properties [][]byte
	items      []avifItem // with the numbers 1, 2 …; the first is shown
	extra      []byte     // boxes more within meta
	repeat     int        // how often an item's data is made of the same bytes; 0: once
}

type avifItem struct {
	kind       string // av01, grid, iovl, iden
	data       []byte
	properties []byte // numbers of the properties
	from       []uint16
	refer      string // how it refers to those it is from: dimg, auxl …
}

// box is one of the ISO base media file format.
func box(kind string, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)+8))
	return append(append(b, kind...), body...)
}

func u16(values ...uint16) (b []byte) {
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func u32(values ...uint32) (b []byte) {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func ispe(width, height uint32) []byte { return box("ispe", u32(0, width, height)) }

// grid is the data of an item made of tiles.
func grid(columns, rows int, width, height uint32) []byte {
	return append([]byte{0, 1, byte(rows - 1), byte(columns - 1)}, u32(width, height)...)
}

// bytes puts the file together. The items' data are found by their offsets,
// which are known only when all before them is.
func (a avif) bytes() []byte {
	head := box("ftyp", []byte("avif\x00\x00\x00\x00mif1avifmiaf"))
	size := len(head) + len(a.meta(0))
	out := append(head, a.meta(uint32(size+8))...)
	var data []byte
	for _, i := range a.items {
		data = append(data, i.data...)
	}
	return append(out, box("mdat", data)...)
}

func (a avif) meta(at uint32) []byte {
	hdlr := box("hdlr", u32(0, 0), []byte("pict"), make([]byte, 13))
	pitm := box("pitm", u32(0), u16(1))
	ipco := box("ipco", a.properties...)
	return box("meta", u32(0), hdlr, pitm, a.iloc(at), a.iinf(), box("iprp", ipco, a.ipma()), a.iref(), a.extra)
}

func (a avif) iloc(at uint32) []byte {
	body := append(u32(0), 0x44, 0x00)
	body = append(body, u16(uint16(len(a.items)))...)
	for n, i := range a.items {
		body = append(body, u16(uint16(n+1), 0, uint16(max(a.repeat, 1)))...)
		for range max(a.repeat, 1) {
			body = append(body, u32(at, uint32(len(i.data)))...)
		}
		at += uint32(len(i.data))
	}
	return box("iloc", body)
}

func (a avif) iinf() []byte {
	body := append(u32(0), u16(uint16(len(a.items)))...)
	for n, i := range a.items {
		hidden := uint32(min(n, 1)) // all but the first are parts of it
		body = append(body, box("infe", u32(2<<24|hidden), u16(uint16(n+1), 0), []byte(i.kind), []byte{0})...)
	}
	return box("iinf", body)
}

func (a avif) ipma() []byte {
	body := u32(0, uint32(len(a.items)))
	for n, i := range a.items {
		body = append(append(body, u16(uint16(n+1))...), byte(len(i.properties)))
		body = append(body, i.properties...)
	}
	return box("ipma", body)
}

func (a avif) iref() []byte {
	body := u32(0)
	for n, i := range a.items {
		if len(i.from) > 0 {
			body = append(body, box(i.refer, u16(uint16(n+1), uint16(len(i.from))), u16(i.from...))...)
		}
	}
	return box("iref", body)
}

// av1 is the picture of a good AVIF of 40 x 28 pixels, and its configuration.
func av1() (data, config []byte) {
	file, _ := testdata.ReadFile("testdata/lossy.avif") // embedded, so it is there
	at := bytes.Index(file, []byte("av1C")) - 4
	config = file[at : at+12]
	// Its place is in iloc: the first item's.
	at = bytes.Index(file, []byte("iloc")) + 12
	offset, size := binary.BigEndian.Uint32(file[at+4:]), binary.BigEndian.Uint32(file[at+14:])
	return file[offset : offset+size], config
}
