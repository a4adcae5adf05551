package imagehead

import (
	"bytes"
	"encoding/binary"
)

// JPEG markers (ITU-T T.81, table B.1).
const (
	jpegSOF0  = 0xc0
	jpegDHT   = 0xc4
	jpegJPG   = 0xc8
	jpegDAC   = 0xcc
	jpegSOF15 = 0xcf
	jpegRST0  = 0xd0
	jpegSOI   = 0xd8
	jpegEOI   = 0xd9
	jpegSOS   = 0xda
	jpegTEM   = 0x01
)

// parseJPEG goes from segment to segment until the frame header, whichever of
// the thirteen kinds of coding it announces.
func parseJPEG(b []byte, h *Header) error {
	for at := uint64(2); ; {
		marker, after, err := jpegMarker(b, at)
		if err != nil {
			return err
		}
		if marker == jpegTEM || marker >= jpegRST0 && marker <= jpegSOI {
			at = after // these stand alone
			continue
		}
		if marker == jpegEOI || marker == jpegSOS {
			return h.broken("its pixels come before their sizes")
		}
		field, err := cut(b, after, 2)
		if err != nil {
			return err
		}
		length := uint64(binary.BigEndian.Uint16(field))
		if length < 2 {
			return h.broken("a segment has no length")
		}
		if isSOF(marker) {
			return parseSOF(b, after, length, h)
		}
		at = after + length
	}
}

// jpegMarker finds the next marker from offset on; like every decoder it skips
// fill bytes and what lies between segments.
func jpegMarker(b []byte, from uint64) (marker byte, after uint64, err error) {
	for at := from; ; at++ {
		rest, err := cut(b, at, 2)
		if err != nil {
			return 0, 0, err
		}
		if rest[0] == 0xff && rest[1] != 0 && rest[1] != 0xff {
			return rest[1], at + 2, nil
		}
		if rest[0] != 0xff {
			skip := bytes.IndexByte(b[at:], 0xff)
			if skip < 0 {
				return 0, 0, errMore
			}
			at += uint64(skip) - 1
		}
	}
}

func isSOF(marker byte) bool {
	return marker >= jpegSOF0 && marker <= jpegSOF15 &&
		marker != jpegDHT && marker != jpegJPG && marker != jpegDAC
}

// parseSOF reads length, precision, height, width and components.
func parseSOF(b []byte, at, length uint64, h *Header) error {
	if length < 8 {
		return h.broken("its frame header is too short")
	}
	f, err := cut(b, at, 8)
	if err != nil {
		return err
	}
	h.Frames = 1
	return h.setSize(uint64(binary.BigEndian.Uint16(f[5:])), uint64(binary.BigEndian.Uint16(f[3:])))
}
