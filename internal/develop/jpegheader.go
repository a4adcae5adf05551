package develop

import (
	"encoding/binary"

	"minilab/internal/vips"
)

// jpegHeader is what a JPEG's header says and the library does not tell.
type jpegHeader struct {
	progressive bool
	components  []vips.Component
	ids         []byte         // of the components
	tables      [4]*vips.Table // quantisation
	restart     int
	jfif        *vips.JFIF
	adobe       bool // says what the components are:
	transform   byte
	segments    []segment // of applications, and comments
	scanned     int       // components in the first scan
}

// segment is one of a header's, without its marker and its length.
type segment struct {
	mark byte
	body []byte
}

// Markers (T.81, table B.1).
const (
	markTEM   = 0x01
	markSOF0  = 0xc0
	markDHT   = 0xc4
	markJPG   = 0xc8
	markDAC   = 0xcc
	markSOF15 = 0xcf
	markRST0  = 0xd0
	markRST7  = 0xd7
	markEOI   = 0xd9
	markSOS   = 0xda
	markDQT   = 0xdb
	markDRI   = 0xdd
	markAPP0  = 0xe0
	markAPP1  = 0xe1
	markAPP2  = 0xe2
	markAPP13 = 0xed
	markAPP14 = 0xee
	markAPP15 = 0xef
	markCOM   = 0xfe
)

// What the components are, in the words of an Adobe segment.
const (
	adobeNone = 0
	adobeYCCK = 2
)

// readJPEG reads the segments up to the first scan. What it cannot make sense
// of it leaves out: whether the image is whole is the decoder's business.
func readJPEG(data []byte) *jpegHeader {
	h := new(jpegHeader)
	for at := 2; at+4 <= len(data); {
		mark := data[at+1]
		if data[at] != 0xff || mark == 0xff { // bytes that belong nowhere, padding
			at++
			continue
		}
		if mark == 0 || mark == markTEM || mark >= markRST0 && mark <= markRST7 { // these have no length
			at += 2
			continue
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if mark == markEOI || size < 2 || at+2+size > len(data) {
			break
		}
		if mark == markSOS {
			if size > 2 {
				h.scanned = int(data[at+4])
			}
			break
		}
		h.read(segment{mark, data[at+4 : at+2+size]})
		at += 2 + size
	}
	return h
}

func (h *jpegHeader) read(s segment) {
	switch {
	case s.mark == markDQT:
		h.readTables(s.body)
	case s.mark == markDRI && len(s.body) == 2:
		h.restart = int(binary.BigEndian.Uint16(s.body))
	case s.mark >= markSOF0 && s.mark <= markSOF15 && s.mark != markDHT && s.mark != markJPG && s.mark != markDAC:
		h.readFrame(s)
	case s.mark >= markAPP0 && s.mark <= markAPP15 || s.mark == markCOM:
		h.segments = append(h.segments, s)
		h.readApplication(s)
	}
}

// single says that the first scan is the only one.
func (h *jpegHeader) single() bool {
	return !h.progressive && len(h.components) > 0 && h.scanned == len(h.components)
}

func (h *jpegHeader) readTables(body []byte) {
	for len(body) > 0 {
		wide, id := body[0]>>4 != 0, body[0]&3
		size := 64
		if wide {
			size = 128
		}
		if len(body) < 1+size {
			return
		}
		t := new(vips.Table)
		for i := range t {
			if wide {
				t[i] = binary.BigEndian.Uint16(body[1+2*i:])
			} else {
				t[i] = uint16(body[1+i])
			}
		}
		h.tables[id] = t
		body = body[1+size:]
	}
}

func (h *jpegHeader) readFrame(s segment) {
	const head, each = 6, 3
	h.progressive = s.mark&3 == 2
	if len(s.body) < head || len(s.body) != head+each*int(s.body[5]) {
		return
	}
	h.components, h.ids = nil, nil
	for b := s.body[head:]; len(b) > 0; b = b[each:] {
		h.ids = append(h.ids, b[0])
		h.components = append(h.components, vips.Component{H: b[1] >> 4, V: b[1] & 15, Table: b[2] & 3})
	}
}

func (h *jpegHeader) readApplication(s segment) {
	switch {
	case s.is(markAPP0, "JFIF\x00") && len(s.body) >= 14:
		h.jfif = &vips.JFIF{
			Version: binary.BigEndian.Uint16(s.body[5:]),
			Unit:    s.body[7],
			X:       binary.BigEndian.Uint16(s.body[8:]),
			Y:       binary.BigEndian.Uint16(s.body[10:]),
		}
	case s.is(markAPP14, adobeHead) && len(s.body) >= 12:
		h.adobe, h.transform = true, s.body[11]
	}
}
