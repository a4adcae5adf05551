package imagehead

import "encoding/binary"

const pngSignature = "\x89PNG\r\n\x1a\n"

// parsePNG reads IHDR, which comes first, and goes on to the pixels, before
// which an animated PNG says how many frames it has.
func parsePNG(b []byte, h *Header) error {
	at := uint64(len(pngSignature))
	for first := true; ; first = false {
		head, err := cut(b, at, 8)
		if err != nil {
			return err
		}
		length, kind := uint64(binary.BigEndian.Uint32(head)), string(head[4:])
		switch {
		case first:
			err = parseIHDR(b, at+8, kind, length, h)
		case kind == "acTL":
			err = parseACTL(b, at+8, length, h)
		case kind == "IDAT":
			h.Frames = max(h.Frames, 1)
			return nil
		case kind == "IEND":
			return h.broken("it has no pixels")
		}
		if err != nil {
			return err
		}
		at += 8 + length + 4 // the checksum follows
	}
}

func parseIHDR(b []byte, at uint64, kind string, length uint64, h *Header) error {
	if kind != "IHDR" || length != 13 {
		return h.broken("it does not begin with IHDR")
	}
	f, err := cut(b, at, length)
	if err != nil {
		return err
	}
	return h.setSize(uint64(binary.BigEndian.Uint32(f)), uint64(binary.BigEndian.Uint32(f[4:])))
}

func parseACTL(b []byte, at, length uint64, h *Header) error {
	f, err := cut(b, at, 8)
	if err != nil {
		return err
	}
	frames := binary.BigEndian.Uint32(f)
	if length != 8 || frames == 0 || frames > maxSide {
		return h.broken("its animation header says %d frames", frames)
	}
	h.Frames = int(frames)
	return nil
}
