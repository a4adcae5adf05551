package develop

import "minilab/internal/vips"

func saveTIFF(n *negative) vips.Options {
	return vips.Options{"compression": "lzw"}
}
