package develop

import (
	"bytes"
	"encoding/binary"
)

// Records of IPTC-IIM 4.2, 6: a mark, the number of the record and of the data
// set, the size, the value.
const (
	iptcMark   = 0x1c
	iptcRecord = 2 // of applications
	iptcHead   = 5
)

// iptcPlaces are the data sets that tell where a picture was taken: content
// location code and name, city, sublocation, province, code and name of the
// country.
var iptcPlaces = []byte{26, 27, 90, 92, 95, 100, 101}

// withoutPlaceInIPTC blots out where the picture was taken, and leaves all else
// where it is: there may be other things around the records.
func withoutPlaceInIPTC(data []byte) []byte {
	data = bytes.Clone(data)
	for at := 0; at+iptcHead <= len(data); {
		size := int(binary.BigEndian.Uint16(data[at+3:]))
		if data[at] != iptcMark || data[at+1] != iptcRecord || size > len(data)-at-iptcHead {
			at++
			continue
		}
		value := data[at+iptcHead : at+iptcHead+size]
		if bytes.IndexByte(iptcPlaces, data[at+2]) >= 0 {
			for i := range value {
				value[i] = ' '
			}
		}
		at += iptcHead + size
	}
	return data
}

// photoshopSegment is what a JPEG has IPTC records in: Photoshop's resources,
// of which they are one. A TIFF has them alone.
func photoshopSegment(iptc []byte) []byte {
	if len(iptc) == 0 || iptc[0] != iptcMark {
		return iptc
	}
	out := append([]byte(photoshopHead), "8BIM\x04\x04\x00\x00"...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(iptc)))
	out = append(out, iptc...)
	return append(out, make([]byte, len(iptc)&1)...)
}
