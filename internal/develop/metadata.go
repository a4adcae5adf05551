package develop

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"minilab/internal/darkroom"
	"minilab/internal/vips"
)

// The library's names of metadata.
const (
	exifField      = "exif-data"
	xmpField       = "xmp-data"
	iptcField      = "iptc-data"
	photoshopField = "photoshop-data"
	iccField       = "icc-profile-data"
	gpsField       = "exif-ifd3-" // and the tag's name
	previewField   = "jpeg-thumbnail-data"
)

// Flags of the library's option keep.
const (
	keepExif = 1 << 0
	keepICC  = 1 << 3
)

// tidy brings the metadata of an image that is about to be written into order.
func tidy(image *vips.Image, s *darkroom.Sheet) {
	image.Remove(previewField) // it would show another picture
	exif := image.Blob(exifField)
	switch {
	case s.Strip.All && s.Strip.KeepCopyright:
		keepFields(image, "exif-ifd0-Artist", "exif-ifd0-Copyright")
		exif = copyrightOnly(image)
	case s.Strip.All:
		keepFields(image)
		exif = nil
	case s.Strip.GPS:
		removeFields(image, gpsField)
		exif = withoutGPS(exif)
		if xmp := image.Blob(xmpField); xmp != nil {
			setBlob(image, xmpField, withoutGPSinXMP(xmp))
		}
		for _, field := range []string{iptcField, photoshopField} {
			setBlob(image, field, withoutPlaceInIPTC(image.Blob(field)))
		}
	}
	if len(exif) > 0 {
		exif = withoutPreview(exifSegment(exif)) // the library leaves it in the data
		if _, turned := image.Int("orientation"); !turned {
			exif = upright(exif)
			image.SetInt("orientation", 1) // or savers take what the data said once
		}
	}
	setBlob(image, exifField, exif)
	if s.Pages > 1 {
		image.SetInt("page-height", s.PageHeight())
	} else {
		image.Remove("page-height")
		image.Remove("n-pages")
		image.Remove("delay")
	}
}

// keepFields removes what describes the picture, but for the named fields. What
// says how it moves stays, and the profile, which the saver is told about.
func keepFields(image *vips.Image, named ...string) {
	for _, field := range image.Fields() {
		described := strings.HasPrefix(field, "exif-") || strings.HasPrefix(field, "png-comment") || slices.Contains(
			[]string{xmpField, iptcField, "orientation", photoshopField, "gif-comment", "image-description", "magickprofile-8bim"}, field)
		if described && !slices.Contains(named, field) {
			image.Remove(field)
		}
	}
}

func removeFields(image *vips.Image, prefix string) {
	for _, field := range image.Fields() {
		if strings.HasPrefix(field, prefix) {
			image.Remove(field)
		}
	}
}

func setBlob(image *vips.Image, field string, data []byte) {
	if len(data) == 0 {
		image.Remove(field)
		return
	}
	image.SetBlob(field, data)
}

// placeInXMP are the names of properties that tell where a picture was taken: of
// Exif, Photoshop, IPTC Core and IPTC Extension.
const placeInXMP = `[\w-]+:(?:GPS\w*|Location\w*|Sublocation|City|State|ProvinceState|Country\w*|WorldRegion)`

// gpsInXMP are attributes and elements of those names. An element ends with the
// first end of any, so one in another leaves an end behind.
var gpsInXMP = regexp.MustCompile(`(?s)\s` + placeInXMP + `\s*=\s*(?:"[^"]*"|'[^']*')|` +
	`<` + placeInXMP + `\b[^>]*?(?:/>|>.*?</` + placeInXMP + `\s*>)|</` + placeInXMP + `\s*>`)

// withoutGPSinXMP removes where the picture was taken. What hides it in a way
// that is not understood goes as a whole.
func withoutGPSinXMP(xmp []byte) []byte {
	out := gpsInXMP.ReplaceAll(xmp, nil)
	if bytes.Contains(out, []byte("GPS")) || !wellFormed(out) {
		return nil
	}
	return out
}

// wellFormed says that data is XML, in UTF-8.
func wellFormed(data []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimRight(data, "\x00")))
	for {
		if _, err := d.Token(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// exifText is the value of an entry of Exif. The library gives the value and in
// parentheses a reading of it, which for text is the same again:
// "Canon (Canon, ASCII, 6 components, 6 bytes)". Fractions become decimal.
func exifText(image *vips.Image, field string) string {
	text, ok := image.Text(field)
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(text, " (")
	for at := range text { // text that has parentheses itself
		if rest, found := strings.CutPrefix(text[at:], " ("); found && strings.HasPrefix(rest, text[:at]+", ASCII") {
			value = text[:at]
		}
	}
	if over, under, ok := strings.Cut(value, "/"); ok {
		if a, b := float(over), float(under); b != 0 {
			return strconv.FormatFloat(a/b, 'g', 6, 64)
		}
	}
	return strings.TrimSpace(value)
}

// float is a number, 0 of what is none.
func float(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64)
	return f
}
