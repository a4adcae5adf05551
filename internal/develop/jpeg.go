package develop

import (
	"bytes"
	"encoding/binary"
	"slices"

	"minilab/internal/vips"
)

// encodeJPEG keeps the ways of the source: its quantisation tables, its
// sampling of chroma, its kind of scan, its restart markers, its density and its
// metadata. Without a source it makes do with defaults.
func encodeJPEG(image *vips.Image, fd int, limit int64, source []byte) error {
	h := readJPEG(source)
	how := h.ways(image.Bands())
	how.Segments = h.metadata(image.Blob(iccField))
	return image.SaveJPEG(fd, limit, how)
}

// ways are those of the source for as many components, but for its metadata.
func (h *jpegHeader) ways(bands int) vips.JPEG {
	how := vips.JPEG{
		Components:  h.sampling(bands),
		RGB:         h.rgb(),
		Progressive: h.progressive,
		Restart:     h.restart,
		JFIF:        h.jfif,
	}
	h.quantise(&how)
	return how
}

// sampling is that of the source for as many components, with their tables.
// Components are not sampled down when the encoder cannot do it the source's
// way, and when they are, or were, colours: another one may now be in the place
// of one that was.
func (h *jpegHeader) sampling(bands int) []vips.Component {
	components := make([]vips.Component, bands)
	for i := range components {
		components[i] = vips.Component{H: 1, V: 1, Table: uint8(min(i, 1))}
	}
	if len(h.components) < bands {
		return components
	}
	source := h.components[:bands]
	colours := h.rgb() && !alike(source) || len(h.components) == 4 && h.transform != adobeYCCK
	if !colours && vips.CanSample(source) {
		return source
	}
	for i := range components {
		components[i].Table = source[i].Table
	}
	return components
}

// alike says that all components have the same factors.
func alike(components []vips.Component) bool {
	return !slices.ContainsFunc(components, func(c vips.Component) bool {
		return c.H != components[0].H || c.V != components[0].V
	})
}

// quantise takes the source's tables over, all or, when one that is needed is
// missing or of no use, none: then those of the nearest quality.
func (h *jpegHeader) quantise(how *vips.JPEG) {
	usable := true
	for _, c := range how.Components {
		usable = usable && h.tables[c.Table] != nil && h.tables[c.Table].Usable()
	}
	if usable {
		for i, t := range h.tables {
			if t != nil {
				how.Tables[i] = *t
			}
		}
		return
	}
	how.Tables[0], how.Tables[1] = tableOf(0, h.quality()), tableOf(1, h.quality())
	for i := range how.Components {
		how.Components[i].Table = uint8(min(i, 1))
	}
}

// rgb says that three components are colours as they are. It judges as the
// decoder does.
func (h *jpegHeader) rgb() bool {
	if len(h.components) != 3 || h.jfif != nil {
		return false
	}
	if h.adobe {
		return h.transform == adobeNone
	}
	return string(h.ids) == "RGB"
}

// What the segments of metadata start with.
const (
	exifHead      = "Exif\x00\x00"
	xmpHead       = "http://ns.adobe.com/xap/1.0/\x00"
	xmpMoreHead   = "http://ns.adobe.com/xmp/extension/\x00"
	photoshopHead = "Photoshop 3.0\x00"
	profileHead   = "ICC_PROFILE\x00"
	adobeHead     = "Adobe"
)

// metadata are the segments that the result takes over, with the profile that
// the image has now. Left out are the small pictures of a JFIF header and of
// Exif, which show the old colours, and what points to further pictures behind
// the first, which are not kept.
func (h *jpegHeader) metadata(profile []byte) []byte {
	var out []byte
	for _, s := range h.segments {
		switch {
		case s.is(markAPP1, exifHead):
			out = appendSegment(out, s.mark, withoutPreview(s.body))
		case s.is(markAPP1, xmpHead), s.is(markAPP1, xmpMoreHead), s.is(markAPP13, photoshopHead), s.mark == markCOM,
			s.is(markAPP14, adobeHead) && len(h.components) == 3:
			out = appendSegment(out, s.mark, s.body)
		}
	}
	return appendProfile(out, profile)
}

func (s segment) is(mark byte, head string) bool {
	return s.mark == mark && bytes.HasPrefix(s.body, []byte(head))
}

func appendSegment(out []byte, mark byte, body []byte) []byte {
	out = append(out, 0xff, mark)
	out = binary.BigEndian.AppendUint16(out, uint16(2+len(body)))
	return append(out, body...)
}

// appendProfile cuts a profile into segments as ICC.1, annex B.4, says.
func appendProfile(out, profile []byte) []byte {
	const most = 0xffff - 2 - len(profileHead) - 2
	count := (len(profile) + most - 1) / most
	if count > 255 {
		return out
	}
	for i := range count {
		part := append([]byte(profileHead), byte(i+1), byte(count))
		out = appendSegment(out, markAPP2, append(part, profile[i*most:min((i+1)*most, len(profile))]...))
	}
	return out
}
