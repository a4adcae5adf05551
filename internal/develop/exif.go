package develop

import (
	"bytes"
	"encoding/binary"
	"slices"

	"minilab/internal/vips"
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

// Tags of Exif directories (CIPA DC-008).
const (
	tagOrientation = 0x0112
	tagArtist      = 0x013b
	tagCopyright   = 0x8298
	tagExif        = 0x8769
	tagGPS         = 0x8825
	tagWidth       = 0xa002
	tagHeight      = 0xa003
)

// exifSegment is Exif data with the head that it has in a JPEG; of other
// formats it may lack that.
func exifSegment(exif []byte) []byte {
	if len(exif) == 0 || bytes.HasPrefix(exif, []byte(exifHead)) {
		return exif
	}
	return append([]byte(exifHead), exif...)
}

// withoutGPS is Exif data without the directory that says where the picture was
// taken, and what that points to. What cannot be understood goes as a whole.
func withoutGPS(exif []byte) []byte {
	if len(exif) == 0 {
		return nil
	}
	segment := bytes.Clone(exifSegment(exif))
	first, ok := exifDirectoryAt(segment, -1)
	if !ok {
		return nil
	}
	if at := first.value(tagGPS); at > 0 {
		gps, ok := exifDirectoryAt(segment, at)
		if !ok {
			return nil
		}
		gps.clear(segment)
		first.remove(segment, tagGPS)
	}
	return segment
}

// sizes of the types of Exif, in bytes.
var exifSizes = [...]int{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8}

// clear overwrites a directory and all that it points to with zeros.
func (d exifDirectory) clear(segment []byte) {
	for b := d.entries; len(b) >= 12; b = b[12:] {
		kind, count := int(d.order.Uint16(b[2:])), int(d.order.Uint32(b[4:]))
		if kind >= len(exifSizes) {
			continue
		}
		size := exifSizes[kind] * count
		start := len(exifHead) + int(d.order.Uint32(b[8:]))
		if size > 4 && start >= 0 && start <= len(segment) && size <= len(segment)-start {
			clear(segment[start : start+size])
		}
	}
	clear(segment[d.start:d.end])
}

// remove takes an entry out of a directory; what is behind it moves up.
func (d exifDirectory) remove(segment []byte, tag uint16) {
	const each = 12
	whole := segment[d.start:d.end]
	for at := 2; at+each <= len(whole)-4; at += each {
		if d.order.Uint16(whole[at:]) == tag {
			copy(whole[at:], whole[at+each:])
			clear(whole[len(whole)-each:])
			d.order.PutUint16(whole, d.order.Uint16(whole)-1)
			return
		}
	}
}

// setNumber changes an entry of one number, if it is there.
func (d exifDirectory) setNumber(tag uint16, value int) {
	const short, long = 3, 4
	for b := d.entries; len(b) >= 12; b = b[12:] {
		if d.order.Uint16(b) != tag || d.order.Uint32(b[4:]) != 1 {
			continue
		}
		switch d.order.Uint16(b[2:]) {
		case short:
			d.order.PutUint16(b[8:], uint16(min(value, 0xffff)))
		case long:
			d.order.PutUint32(b[8:], uint32(value))
		}
	}
}

// sized writes the size that the image has now into Exif data.
func sized(exif []byte, width, height int) []byte {
	segment := exifSegment(exif)
	first, ok := exifDirectoryAt(segment, -1)
	if !ok {
		return nil
	}
	if at := first.value(tagExif); at > 0 {
		if sub, ok := exifDirectoryAt(segment, at); ok {
			sub.setNumber(tagWidth, width)
			sub.setNumber(tagHeight, height)
		}
	}
	return segment
}

// upright says in Exif data that the image is.
func upright(exif []byte) []byte {
	if first, ok := exifDirectoryAt(exif, -1); ok {
		first.setNumber(tagOrientation, 1)
	}
	return exif
}

// copyrightOnly is Exif data with nothing but the copyright and the artist.
func copyrightOnly(image *vips.Image) []byte {
	texts := map[uint16]string{
		tagArtist:    exifText(image, "exif-ifd0-Artist"),
		tagCopyright: exifText(image, "exif-ifd0-Copyright"),
	}
	tags := slices.DeleteFunc([]uint16{tagArtist, tagCopyright}, func(tag uint16) bool { return texts[tag] == "" })
	if len(tags) == 0 {
		return nil
	}
	const head, ascii = 8, 2
	out := append([]byte(exifHead), 'I', 'I', '*', 0, head, 0, 0, 0)
	out = binary.LittleEndian.AppendUint16(out, uint16(len(tags)))
	var values []byte
	start := head + 2 + 12*len(tags) + 4
	for _, tag := range tags {
		value := append([]byte(texts[tag]), 0)
		out = binary.LittleEndian.AppendUint16(out, tag)
		out = binary.LittleEndian.AppendUint16(out, ascii)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(value)))
		if len(value) <= 4 {
			out = append(out, append(value, 0, 0, 0)[:4]...)
			continue
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(start+len(values)))
		values = append(values, value...)
	}
	out = binary.LittleEndian.AppendUint32(out, 0)
	return append(out, values...)
}
