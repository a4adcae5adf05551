package develop

import (
	"bytes"
	"encoding/binary"
)

// exifDirectory is one directory of an Exif segment's TIFF structure.
type exifDirectory struct {
	order      binary.ByteOrder
	start, end int
	entries    []byte // of 12 bytes each
	next       int    // offset of the next directory, 0 for none
}

// withoutPreview is an Exif segment without its second directory, that of the
// small picture, and without that picture. All else stays byte for byte where
// it is: makers' notes point to places in it.
func withoutPreview(exif []byte) []byte {
	first, ok := exifDirectoryAt(exif, -1)
	if !ok || first.next == 0 {
		return exif
	}
	exif = bytes.Clone(exif)
	clear(exif[first.end-4 : first.end])
	second, ok := exifDirectoryAt(exif, first.next)
	if !ok || second.start < first.end && first.start < second.end {
		return exif
	}
	for _, tags := range [][2]uint16{{0x201, 0x202}, {0x111, 0x117}} { // a JPEG; a strip of pixels
		offset, size := second.value(tags[0]), second.value(tags[1])
		start := len(exifHead) + offset
		if offset == 0 || size == 0 || start < first.end || start > len(exif) || size > len(exif)-start {
			continue
		}
		clear(exif[start : start+size])
		if start+size == len(exif) && second.end <= start {
			exif = exif[:start]
		}
	}
	clear(exif[second.start:second.end])
	return exif
}

// exifDirectoryAt reads the directory at an offset, or the first one if that is
// negative. It is not ok unless it lies in the segment as a whole.
func exifDirectoryAt(exif []byte, offset int) (d exifDirectory, ok bool) {
	if len(exif) < len(exifHead)+8 {
		return d, false
	}
	tiff := exif[len(exifHead):]
	switch string(tiff[:4]) {
	case "II*\x00":
		d.order = binary.LittleEndian
	case "MM\x00*":
		d.order = binary.BigEndian
	default:
		return d, false
	}
	if offset < 0 {
		offset = int(d.order.Uint32(tiff[4:]))
	}
	if offset < 8 || offset > len(tiff)-2 {
		return d, false
	}
	size := 12 * int(d.order.Uint16(tiff[offset:]))
	if size > len(tiff)-offset-6 {
		return d, false
	}
	d.start, d.end = len(exifHead)+offset, len(exifHead)+offset+size+6
	d.entries = tiff[offset+2 : offset+2+size]
	d.next = int(d.order.Uint32(tiff[offset+2+size:]))
	return d, true
}

// value is that of an entry with one number, 0 if there is none.
func (d exifDirectory) value(tag uint16) int {
	const short, long = 3, 4
	for b := d.entries; len(b) >= 12; b = b[12:] {
		if d.order.Uint16(b) != tag || d.order.Uint32(b[4:]) != 1 {
			continue
		}
		switch d.order.Uint16(b[2:]) {
		case short:
			return int(d.order.Uint16(b[8:]))
		case long:
			return int(d.order.Uint32(b[8:]))
		}
	}
	return 0
}
