package imagehead

import "encoding/binary"

func isGIF(b []byte) bool { return hasPrefix("GIF87a")(b) || hasPrefix("GIF89a")(b) }

// parseGIF reads the logical screen. How many frames follow only shows at the
// end of the file.
func parseGIF(b []byte, h *Header) error {
	f, err := cut(b, 6, 7)
	if err != nil {
		return err
	}
	return h.setSize(uint64(binary.LittleEndian.Uint16(f)), uint64(binary.LittleEndian.Uint16(f[2:])))
}
