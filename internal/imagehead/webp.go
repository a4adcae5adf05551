package imagehead

import "encoding/binary"

func isWebP(b []byte) bool {
	return len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP"
}

// webpHeader is how a first chunk begins.
type webpHeader struct {
	length uint64 // bytes
	parse  func(f []byte, h *Header) error
}

var webpHeaders = map[string]webpHeader{
	"VP8 ": {10, parseVP8}, //nolint:gocritic // the space is part of the name
	"VP8L": {5, parseVP8L},
	"VP8X": {10, parseVP8X},
}

// parseWebP reads the first chunk, which has the sizes in each of the three
// layouts: lossy, lossless and extended.
func parseWebP(b []byte, h *Header) error {
	kind, err := cut(b, 12, 8)
	if err != nil {
		return err
	}
	header, ok := webpHeaders[string(kind[:4])]
	if !ok {
		return h.broken("its first chunk is %q", kind[:4])
	}
	f, err := cut(b, 20, header.length)
	if err != nil {
		return err
	}
	return header.parse(f, h)
}

// parseVP8 reads a key frame's header (RFC 6386, 9.1).
func parseVP8(f []byte, h *Header) error {
	if f[0]&1 != 0 || f[3] != 0x9d || f[4] != 0x01 || f[5] != 0x2a {
		return h.broken("its frame is not a key frame")
	}
	h.Frames = 1
	return h.setSize(uint64(binary.LittleEndian.Uint16(f[6:])&0x3fff), uint64(binary.LittleEndian.Uint16(f[8:])&0x3fff))
}

// parseVP8L reads a lossless header: 14 bits of width - 1, 14 of height - 1.
func parseVP8L(f []byte, h *Header) error {
	bits := uint64(binary.LittleEndian.Uint32(f[1:]))
	if f[0] != 0x2f || bits>>29 != 0 {
		return h.broken("its lossless header is of no known version")
	}
	h.Frames = 1
	return h.setSize(bits&0x3fff+1, bits>>14&0x3fff+1)
}

// parseVP8X reads the canvas. An animation's frames are only counted at the
// end of the file.
func parseVP8X(f []byte, h *Header) error {
	const animated = 1 << 1
	if f[0]&animated == 0 {
		h.Frames = 1
	}
	return h.setSize(uint24(f[4:])+1, uint24(f[7:])+1)
}

func uint24(b []byte) uint64 { return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 }
