package develop

import "minilab/internal/vips"

func saveAVIF(n *negative) vips.Options {
	return vips.Options{"compression": "av1", "bitdepth": n.bits()}
}
