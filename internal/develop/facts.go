package develop

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"minilab/internal/engine/wire"
)

// exifFacts are the entries of Exif that a task tells, by their names in the
// standard: how the picture was taken, and whose it is. Where it was taken is
// not among them: who sees a task need not know that.
var exifFacts = map[string]string{
	"Make": "exif-ifd0-Make", "Model": "exif-ifd0-Model", "Software": "exif-ifd0-Software",
	"Artist": "exif-ifd0-Artist", "Copyright": "exif-ifd0-Copyright", "ImageDescription": "exif-ifd0-ImageDescription",
	"DateTimeOriginal": "exif-ifd2-DateTimeOriginal", "OffsetTimeOriginal": "exif-ifd2-OffsetTimeOriginal",
	"LensModel": "exif-ifd2-LensModel", "FocalLength": "exif-ifd2-FocalLength", "FNumber": "exif-ifd2-FNumber",
	"ExposureTime": "exif-ifd2-ExposureTime", "ISO": "exif-ifd2-ISOSpeedRatings", "Flash": "exif-ifd2-Flash",
}

// facts are what is known of the image from its header.
func (n *negative) facts() wire.Facts {
	f := wire.Facts{
		Format:  n.format.name,
		Width:   n.image.Width(),
		Height:  n.image.Height() / n.pages,
		Pages:   n.total,
		Bits:    n.bits(),
		Bands:   n.image.Bands(),
		Profile: clean(profileName(n.image.Blob(iccField))),
	}
	if n.format.name == "jpeg" {
		f.Quality = readJPEG(n.data).quality()
	}
	for name, field := range exifFacts {
		if text := clean(exifText(n.image, field)); text != "" {
			if f.Exif == nil {
				f.Exif = make(map[string]string)
			}
			f.Exif[name] = text
		}
	}
	if turned, ok := n.image.Int("orientation"); ok && turned > 1 && turned <= 8 {
		f.Orientation = turned
	}
	return f
}

// clean is a text from an image, fit to be shown: short, without what controls.
func clean(text string) string {
	const most = wire.MaxFact / 2
	var b strings.Builder
	for _, r := range text {
		if b.Len()+utf8.RuneLen(r) > most {
			break
		}
		if r != utf8.RuneError && !unicode.IsControl(r) {
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

// profileName is the description of a profile (ICC.1, 9.2.41): its tag desc, of
// the type of version 2 or of version 4. It is empty where there is none.
func profileName(icc []byte) string {
	const head, each = 128, 12
	if len(icc) < head+4 {
		return ""
	}
	count := binary.BigEndian.Uint32(icc[head:])
	for i := range min(count, 100) {
		at := head + 4 + int(i)*each
		if at+each > len(icc) {
			return ""
		}
		if string(icc[at:at+4]) != "desc" {
			continue
		}
		start, size := binary.BigEndian.Uint32(icc[at+4:]), binary.BigEndian.Uint32(icc[at+8:])
		if uint64(start)+uint64(size) > uint64(len(icc)) {
			return ""
		}
		return description(icc[start : start+size])
	}
	return ""
}

func description(tag []byte) string {
	const old, oldHead, localized = "desc", 12, "mluc"
	switch {
	case len(tag) > oldHead && string(tag[:4]) == old:
		n := min(int(binary.BigEndian.Uint32(tag[8:])), len(tag)-oldHead)
		return strings.TrimRight(string(tag[oldHead:oldHead+max(n, 0)]), "\x00")
	case len(tag) >= 28 && string(tag[:4]) == localized: // the first language will do
		size, start := binary.BigEndian.Uint32(tag[20:]), binary.BigEndian.Uint32(tag[24:])
		if uint64(start)+uint64(size) > uint64(len(tag)) {
			return ""
		}
		var units []uint16
		for b := tag[start : start+size]; len(b) >= 2; b = b[2:] {
			units = append(units, binary.BigEndian.Uint16(b))
		}
		return string(utf16.Decode(units))
	}
	return ""
}
