package imagehead

import (
	"bytes"
	"strings"
)

// strangers are files that people hand in instead of an image that is read.
var strangers = []struct {
	name string
	is   func(b []byte) bool
}{
	{"HEIC", isHEIC},
	{"JPEG XL", func(b []byte) bool { return hasPrefix("\xff\x0a")(b) || hasPrefix("\x00\x00\x00\x0cJXL ")(b) }},
	{"JPEG 2000", func(b []byte) bool { return hasPrefix("\x00\x00\x00\x0cjP  ")(b) || hasPrefix("\xff\x4f\xff\x51")(b) }},
	{"BMP", hasPrefix("BM")},
	{"Photoshop", hasPrefix("8BPS")},
	{"PDF", hasPrefix("%PDF")},
	{"ZIP", hasPrefix("PK\x03\x04")},
	{"SVG", func(b []byte) bool { return mentions(b, "<svg") }},
	{"HTML", func(b []byte) bool { return mentions(b, "<html") || mentions(b, "<!doctype html") }},
	{"video", func(b []byte) bool { return ftypBrands(b) != nil || hasPrefix("\x1aE\xdf\xa3")(b) }},
}

// whatItIs is a sentence for somebody whose file is not taken.
func whatItIs(b []byte) string {
	name := ""
	for _, s := range strangers {
		if s.is(b) {
			name = "; this looks like " + s.name
			break
		}
	}
	all := Labels()
	last := len(all) - 1
	return "send " + strings.Join(all[:last], ", ") + " or " + all[last] + name
}

// mentions says whether the text is among the first bytes, in any case.
func mentions(b []byte, text string) bool {
	return bytes.Contains(bytes.ToLower(b[:min(len(b), 1024)]), []byte(text))
}
