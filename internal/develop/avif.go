package develop

import (
	"bytes"

	"minilab/internal/vips"
)

// saveAVIF keeps the depth and the chroma sampling. The quality of the source
// is not told by its file in a way that could be read off; avifQuality is
// beyond what the eye can tell.
func saveAVIF(n *negative) vips.Options {
	subsample := "off"
	if halvedAVIF(n.data) {
		subsample = "on"
	}
	return vips.Options{
		"compression": "av1", "Q": avifQuality, "effort": avifEffort, "bitdepth": n.bits(), "subsample_mode": subsample,
	}
}

const (
	avifQuality = 75
	avifEffort  = 0 // of 0 to 9: each step more takes about twice the time
)

// halvedAVIF says that chroma has half the width and half the height. It looks
// for the configuration of the AV1 codec (av1C, AV1 in ISOBMFF section 2.3) that
// is not an alpha channel's.
func halvedAVIF(data []byte) bool {
	const monochrome, halfWidth, halfHeight = 0x10, 0x08, 0x04
	for {
		_, after, found := bytes.Cut(data, []byte("av1C\x81"))
		if !found || len(after) < 2 {
			return false
		}
		if flags := after[1]; flags&monochrome == 0 {
			return flags&halfWidth != 0 && flags&halfHeight != 0
		}
		data = after
	}
}
