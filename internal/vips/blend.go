package vips

// #cgo LDFLAGS: -lm
// #include "blend.h"
import "C"

import "slices"

// blends are the ways to lay one image over another, in the order of blend.h.
var blends = []string{"over", "multiply", "screen", "overlay", "darken", "lighten", "color-dodge", "color-burn",
	"hard-light", "soft-light", "difference", "exclusion", "add"}

// Blend lays an overlay over the image, its upper left corner at left, top; what
// hangs over the edges is cut off. The mode is one of W3C's Compositing and
// Blending. The overlay has alpha, which is multiplied by the opacity, 0 to 1,
// and else the image's channels and depth of 8 or 16 bits. Results are rounded,
// a half up; where the overlay is transparent nothing changes at all.
func (i *Image) Blend(overlay *Image, left, top int, mode string, opacity float64) (*Image, error) {
	m := slices.Index(blends, mode)
	if m < 0 {
		return nil, &UseError{Op: "blend", Reason: "no mode " + mode}
	}
	var out *C.VipsImage
	if C.ml_blend(i.p, overlay.p, &out, C.int(left), C.int(top), C.int(m), C.double(opacity)) != 0 {
		return nil, lastError()
	}
	return &Image{p: out}, nil
}
