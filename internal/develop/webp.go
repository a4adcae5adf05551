package develop

import "minilab/internal/vips"

func saveWebP(n *negative) vips.Options {
	return vips.Options{"Q": 90}
}
