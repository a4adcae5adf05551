package develop

import (
	"slices"

	"minilab/internal/vips"
)

// saveGIF is for a GIF whose tables cannot simply be rewritten.
func saveGIF(*negative) vips.Options {
	return vips.Options{"dither": 0, "effort": 10, "interframe_maxerror": 0}
}

// recolourGIF rewrites the tables of colours, the global one and those of the
// frames. Everything else stays as it is, byte for byte.
func recolourGIF(data []byte, o order) ([]byte, bool) {
	const (
		head       = 13 // signature and logical screen
		extension  = 0x21
		frame      = 0x2c
		frameSize  = 10
		trailer    = 0x3b
		hasTable   = 0x80
		tableBits  = 0x07
		tableFlags = 10 // where the screen's flags are
	)
	if len(data) < head {
		return nil, false
	}
	out := slices.Clone(data)
	// table rewrites the table at a place, if the flags announce one, and
	// returns where it ends.
	table := func(at int, flags byte) int {
		if flags&hasTable == 0 {
			return at
		}
		end := at + 3<<(flags&tableBits+1)
		if end <= len(out) {
			o.apply(out[at:end])
		}
		return end
	}
	at := table(head, out[tableFlags])
	for at < len(out) {
		switch out[at] {
		case extension:
			at = skipBlocks(out, at+2)
		case frame:
			if at+frameSize > len(out) {
				return out, true
			}
			at = table(at+frameSize, out[at+frameSize-1])
			at = skipBlocks(out, at+1) // after the code size
		case trailer:
			return out, true
		default:
			at++ // padding, which decoders skip too
		}
	}
	return out, true
}

// skipBlocks returns where a chain of data blocks ends.
func skipBlocks(data []byte, at int) int {
	for at < len(data) {
		size := int(data[at])
		at += 1 + size
		if size == 0 {
			break
		}
	}
	return at
}
