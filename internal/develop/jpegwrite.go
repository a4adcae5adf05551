package develop

import (
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// sourceJPEG writes an image that came from a JPEG in that one's ways. Its
// metadata are those that the image has now.
func sourceJPEG(image *vips.Image, source []byte, fd int, limit int64) error {
	image, err := printable(image, []float64{255, 255, 255})
	if err != nil {
		return err
	}
	defer image.Close()
	h := readJPEG(source)
	how := h.ways(image.Bands())
	how.RGB = how.RGB && image.Bands() == 3
	how.Segments = segmentsOf(image)
	if how.RGB {
		how.Segments = append(how.Segments, h.adobeSegment()...)
	}
	return image.SaveJPEG(fd, limit, how)
}

// adobeSegment is what tells decoders that the components are colours.
func (h *jpegHeader) adobeSegment() []byte {
	for _, s := range h.segments {
		if s.is(markAPP14, adobeHead) {
			return appendSegment(nil, s.mark, s.body)
		}
	}
	return nil
}

// chosenJPEG writes an image as a jpeg operation asks for.
func chosenJPEG(image *vips.Image, step pipeline.Step, fd int, limit int64) error {
	c := step.Colour("background")
	image, err := printable(image, []float64{float64(c[0]), float64(c[1]), float64(c[2])})
	if err != nil {
		return err
	}
	defer image.Close()
	q := step.Int("quality")
	how := vips.JPEG{
		Components:  components(image.Bands(), step.Value("sampling"), q),
		Tables:      [4]vips.Table{tableOf(0, q), tableOf(1, q)},
		Progressive: step.Flag("progressive"),
		JFIF:        &defaultJFIF,
		Segments:    segmentsOf(image),
	}
	return image.SaveJPEG(fd, limit, how)
}

// components are those of a sampling by its name in J:a:b notation. From quality
// 90 on colour is not sampled down unless that is asked for.
func components(bands int, sampling string, quality int) []vips.Component {
	if bands == 1 {
		return []vips.Component{{H: 1, V: 1}}
	}
	if sampling == "auto" {
		sampling = "420"
		if quality >= 90 {
			sampling = "444"
		}
	}
	factors := map[string][2]uint8{"444": {1, 1}, "422": {2, 1}, "440": {1, 2}, "420": {2, 2}}[sampling]
	return []vips.Component{{H: factors[0], V: factors[1]}, {H: 1, V: 1, Table: 1}, {H: 1, V: 1, Table: 1}}
}

// printable is an image of 8 bits without alpha, which lies on a background.
func printable(image *vips.Image, background []float64) (*vips.Image, error) {
	steps := []struct {
		needed    bool
		operation string
		options   vips.Options
	}{
		{image.Bits() > 8, "colourspace", vips.Options{"space": map[bool]string{true: "srgb", false: "b-w"}[image.Bands() >= 3]}},
		{image.Bands() == 2, "colourspace", vips.Options{"space": "srgb"}}, // the background may have a colour
		{image.Bands()%2 == 0, "flatten", vips.Options{"background": background}},
	}
	image, err := image.Call("copy", nil)
	for _, s := range steps {
		if err != nil || !s.needed {
			continue
		}
		before := image
		image, err = before.Call(s.operation, s.options)
		before.Close()
	}
	return image, err
}

// segmentsOf are the image's metadata as segments of a JPEG's header.
func segmentsOf(image *vips.Image) []byte {
	return segmentsFor(image, image.Width(), image.Height())
}

// segmentsFor are the same for a picture of that size.
func segmentsFor(image *vips.Image, width, height int) []byte {
	const most = 0xffff - 2
	var out []byte
	if exif := sized(image.Blob(exifField), width, height); len(exif) > 0 && len(exif) <= most {
		out = appendSegment(out, markAPP1, exif)
	}
	if xmp := image.Blob(xmpField); len(xmp) > 0 && len(xmp)+len(xmpHead) <= most {
		out = appendSegment(out, markAPP1, append([]byte(xmpHead), xmp...))
	}
	if iptc := photoshopSegment(image.Blob(iptcField)); len(iptc) > 0 && len(iptc) <= most {
		out = appendSegment(out, markAPP13, iptc)
	}
	return appendProfile(out, image.Blob(iccField))
}
