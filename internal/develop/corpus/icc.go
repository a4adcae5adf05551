package corpus

import (
	"encoding/binary"
	"math"
	"unicode/utf16"
)

// tag is one of a profile's.
type tag struct {
	name string
	body []byte
}

// profileOf puts a profile together (ICC.1:2010, 7): header, table, tags.
func profileOf(class, colours, connection string, tags ...tag) []byte {
	const head, entry = 128, 12
	var b []byte
	b = append(b, make([]byte, head)...)
	copy(b[8:], "\x04\x30\x00\x00")
	copy(b[12:], class+colours+connection)
	copy(b[24:], "\x07\xea\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00acsp")
	copy(b[68:], xyzOf(d50))
	b = binary.BigEndian.AppendUint32(b, uint32(len(tags)))
	at := len(b) + entry*len(tags)
	var bodies []byte
	for _, t := range tags {
		b = append(b, t.name...)
		b = binary.BigEndian.AppendUint32(b, uint32(at+len(bodies)))
		b = binary.BigEndian.AppendUint32(b, uint32(len(t.body)))
		bodies = append(bodies, t.body...)
		bodies = append(bodies, make([]byte, -len(bodies)&3)...)
	}
	b = append(b, bodies...)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// xyzOf are three numbers of type s15Fixed16.
func xyzOf(v [3]float64) []byte {
	var b []byte
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, fixed(x))
	}
	return b
}

func fixed(v float64) uint32 { return uint32(int32(math.Round(v * 65536))) }

func xyzTag(name string, v [3]float64) tag {
	return tag{name, append([]byte("XYZ \x00\x00\x00\x00"), xyzOf(v)...)}
}

// textTag is a text of type multiLocalizedUnicode.
func textTag(name, text string) tag {
	units := utf16.Encode([]rune(text))
	b := []byte("mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUS")
	b = binary.BigEndian.AppendUint32(b, uint32(2*len(units)))
	b = binary.BigEndian.AppendUint32(b, 28)
	for _, u := range units {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return tag{name, b}
}

// curveTag is the space's curve: a gamma, or that of sRGB by its parameters.
func (s Space) curveTag(name string) tag {
	if s.gamma != 0 {
		b := []byte("curv\x00\x00\x00\x00\x00\x00\x00\x01")
		return tag{name, binary.BigEndian.AppendUint16(b, uint16(math.Round(256*s.gamma)))}
	}
	b := []byte("para\x00\x00\x00\x00\x00\x03\x00\x00")
	for _, v := range []float64{2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045} {
		b = binary.BigEndian.AppendUint32(b, fixed(v))
	}
	return tag{name, b}
}

// ICC is the space's profile.
func (s Space) ICC() []byte {
	common := []tag{textTag("desc", s.Name), textTag("cprt", "public domain"), xyzTag("wtpt", d50)}
	if s == GreyGamma {
		return profileOf("mntr", "GRAY", "XYZ ", append(common, s.curveTag("kTRC"))...)
	}
	m := s.linear
	if m == nil {
		m = srgbLinear
	}
	for i, c := range []string{"r", "g", "b"} {
		common = append(common, xyzTag(c+"XYZ", [3]float64{m[0][i], m[1][i], m[2][i]}), s.curveTag(c+"TRC"))
	}
	return profileOf("mntr", "RGB ", "XYZ ", common...)
}

// BrokenICC are profiles that are none, or not for these pixels.
func BrokenICC() map[string][]byte {
	whole := DisplayP3.ICC()
	lost := append([]byte(nil), whole...)
	binary.BigEndian.PutUint32(lost[128+4+4+12*3:], 1<<30) // where a tag is
	return map[string][]byte{
		"noise":     []byte("this is no profile, but it is long enough to be taken for one by its length only; is it not? It is.................................."),
		"cut":       whole[:150],
		"lost tag":  lost,
		"for print": Press(),
	}
}

// Press is the profile of a printing press whose inks filter light perfectly:
// linear red is (1-C)(1-K), and so on, where each ink's code has the curve of
// sRGB. Where K is at a point of the table, as in shade, what is between the
// points is exact however it is interpolated.
func Press() []byte {
	const entries, points = 1024, 5
	b := []byte("mft2\x00\x00\x00\x00\x04\x03\x05\x00") // inks, XYZ, points a side
	for i := range 9 {
		b = binary.BigEndian.AppendUint32(b, map[bool]uint32{true: 1 << 16}[i%4 == 0]) // the identity
	}
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, entries), 2)
	for range 4 {
		for i := range entries {
			ink := 1 - decodeSRGB(1-float64(i)/(entries-1))
			b = binary.BigEndian.AppendUint16(b, word(ink))
		}
	}
	passed := func(i int) float64 { return 1 - float64(i%points)/(points-1) }
	for i := range points * points * points * points { // C changes slowest
		light := passed(i)
		rgb := [3]float64{light * passed(i/points/points/points), light * passed(i/points/points), light * passed(i/points)}
		for _, v := range times(*srgbLinear, rgb) {
			b = binary.BigEndian.AppendUint16(b, uint16(math.Round(max(v, 0)*32768)))
		}
	}
	for range 3 {
		b = append(b, 0, 0, 0xff, 0xff)
	}
	return profileOf("prtr", "CMYK", "XYZ ",
		textTag("desc", "A perfect press"), textTag("cprt", "public domain"), xyzTag("wtpt", d50), tag{"A2B0", b})
}

// shade is so much black that a quarter of the light is lost.
var shade = 1 - encodeSRGB(0.75)

// inks are the four of Press that show a colour, the last of which is given.
func inks(c [4]float64, black float64) [4]float64 {
	var out [4]float64
	for i := range 3 {
		out[i] = 1 - encodeSRGB(min(decodeSRGB(c[i])/decodeSRGB(1-black), 1))
	}
	out[3] = black
	return out
}
