package corpus

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// Kinds are kinds of metadata.
type Kinds uint

// What an image may tell of its maker.
const (
	Exif Kinds = 1 << iota
	XMP
	IPTC
	Comment
)

// Trace is something that an image tells, as it may lie in a file.
type Trace struct {
	What  string
	Bytes []byte
}

// The places and names in the images' metadata.
const (
	artist    = "Ansel Q. Darkroom"
	rights    = "(c) 1987 Zwiesel Optical Works"
	maker     = "MAKERNOTE-7f3a91"
	model     = "Box Tengor 54/2"
	serial    = "SN-40021177"
	city      = "Bodenmais"
	described = "the ford below the mill"
	remark    = "developed in a kitchen"
	latitude  = "49,3.91572N"
	longitude = "13,6.40381E"
)

var (
	gpsLatitude  = []uint32{49, 1, 3, 1, 549432, 10007}
	gpsLongitude = []uint32{13, 1, 6, 1, 242286, 10009}
)

// Places are traces of where a picture was taken.
func Places() []Trace {
	traces := []Trace{{"latitude in XMP", []byte(latitude)}, {"longitude in XMP", []byte(longitude)}, {"city", []byte(city)}}
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for name, v := range map[string][]uint32{"latitude": gpsLatitude, "longitude": gpsLongitude} {
			var b []byte
			for _, n := range v[4:] { // the seconds, by which it is known even if it is written anew
				b = order.AppendUint32(b, n)
			}
			traces = append(traces, Trace{name + ", " + order.String(), b})
		}
	}
	return traces
}

// Persons are traces of who took a picture, with what, and what of.
func Persons() []Trace {
	var traces []Trace
	for what, text := range map[string]string{"artist": artist, "maker note": maker, "model": model, "serial number": serial, "description": described, "comment": remark} {
		traces = append(traces, Trace{what, []byte(text)})
	}
	return traces
}

// Rights are traces of whose a picture is.
func Rights() []Trace { return []Trace{{"copyright", []byte(rights)}} }

// Found are those of the traces that are in the data, or in a part of it that a
// container has compressed.
func Found(data []byte, traces []Trace) (found []string) {
	data = slices.Concat(data, inflated(data))
	for _, t := range traces {
		if bytes.Contains(data, t.Bytes) || bytes.Contains(data, wide(t.Bytes)) || bytes.Contains(data, hexed(t.Bytes)) {
			found = append(found, t.What)
		}
	}
	slices.Sort(found)
	return found
}

// wide is a text in UTF-16, as Windows' fields of Exif are.
func wide(text []byte) []byte {
	var b []byte
	for _, c := range text {
		b = append(b, c, 0)
	}
	return b
}

// hexed is a text as the profiles of ImageMagick in PNGs have it.
func hexed(text []byte) []byte {
	const digits = "0123456789abcdef"
	var b []byte
	for _, c := range text {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

// exifOf is an Exif block with all the traces, without the head that JPEG puts
// before it.
func exifOf(order binary.AppendByteOrder, orientation int) []byte {
	return tiffOf(order, exifFields(orientation))
}

func exifFields(orientation int) []field {
	fields := []field{
		ascii(270, described), ascii(271, "Zeiss"), ascii(272, model), ascii(315, artist), ascii(33432, rights),
		below(34665, octets(36864, kindUndefined, []byte("0232")), ascii(42033, serial), octets(37500, kindUndefined, []byte(maker))),
		below(34853, octets(0, kindByte, []byte{2, 3, 0, 0}),
			ascii(1, "N"), ratio(2, gpsLatitude...), ascii(3, "E"), ratio(4, gpsLongitude...)),
	}
	if orientation != 0 {
		fields = append(fields, short(274, uint16(orientation)))
	}
	return fields
}

// turned is an Exif block that has nothing but an orientation.
func turned(order binary.AppendByteOrder, orientation int) []byte {
	return tiffOf(order, []field{short(274, uint16(orientation))})
}

// xmp is a packet of XMP with all the traces.
func xmp() []byte {
	return []byte(strings.NewReplacer("LAT", latitude, "LON", longitude, "ARTIST", artist, "RIGHTS", rights, "CITY", city).Replace(
		`<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
			`<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" ` +
			`exif:GPSLatitude="LAT" exif:GPSLongitude="LON" photoshop:City="CITY">` +
			`<dc:creator><rdf:Seq><rdf:li>ARTIST</rdf:li></rdf:Seq></dc:creator><dc:rights><rdf:Alt><rdf:li xml:lang="x-default">RIGHTS</rdf:li></rdf:Alt></dc:rights>` +
			`</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`))
}

// iptc are records of IPTC-IIM: by-line, city, copyright notice, caption.
func iptc() []byte {
	b := []byte("\x1c\x02\x00\x00\x02\x00\x04")
	for _, r := range []struct {
		id   byte
		text string
	}{{80, artist}, {90, city}, {116, rights}, {120, described}} {
		b = append(b, 0x1c, 2, r.id)
		b = binary.BigEndian.AppendUint16(b, uint16(len(r.text)))
		b = append(b, r.text...)
	}
	return b
}

// photoshop are Photoshop's resources with nothing but the IPTC records.
func photoshop() []byte {
	records := iptc()
	b := binary.BigEndian.AppendUint32([]byte("8BIM\x04\x04\x00\x00"), uint32(len(records)))
	b = append(b, records...)
	return append(b, make([]byte, len(records)&1)...)
}
