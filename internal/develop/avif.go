package develop

import (
	"bytes"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"minilab/internal/engine/wire"
	"minilab/internal/vips"
)

// saveAVIF keeps the depth and the chroma sampling, and an image lossless whose
// components are red, green and blue, which is how lossless ones are written. The quality of the source
// is not told by its file in a way that could be read off; avifQuality is
// beyond what the eye can tell.
func saveAVIF(n *negative) vips.Options {
	if label, ok := labelOf(n.data); ok && label.matrix == matrixIdentity {
		return vips.Options{"compression": "av1", "lossless": true, "effort": avifEffort, "bitdepth": n.bits()}
	}
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

// avifLabel says what the components mean, in the code points of ITU-T H.273
// (colr, ISO/IEC 14496-12 section 12.1.5).
type avifLabel struct {
	primaries, transfer, matrix uint16
	at                          int // where it is
}

const matrixIdentity = 0

// What the library can undo, and what is near enough to the sRGB that it says
// of all it writes; 2 stands for one that is not told.
var (
	matrices  = []uint16{matrixIdentity, 1, 2, 4, 5, 6, 7, 8, 9}
	primaries = []uint16{1, 2, 5, 6, 7}
	transfers = []uint16{1, 2, 6, 13, 14, 15}
)

const avifLabelHead = "colrnclx"

func labelOf(data []byte) (label avifLabel, ok bool) {
	at := bytes.Index(data, []byte(avifLabelHead))
	if at < 0 || len(data) < at+len(avifLabelHead)+7 {
		return label, false
	}
	at += len(avifLabelHead)
	return avifLabel{
		primaries: binary.BigEndian.Uint16(data[at:]),
		transfer:  binary.BigEndian.Uint16(data[at+2:]),
		matrix:    binary.BigEndian.Uint16(data[at+4:]),
		at:        at,
	}, true
}

// refuseAVIF refuses what would be lost or come out in wrong colours.
func refuseAVIF(data []byte) error {
	if frames := framesOfAVIF(data); frames > 1 {
		return wire.ErrAnimation.Detailf("animated AVIFs are not altered; send a GIF or a WebP")
	}
	label, ok := labelOf(data)
	switch {
	case !ok:
		return nil
	case !slices.Contains(matrices, label.matrix):
		return wire.ErrColour.Detailf("the AVIF stores its colours in a way that is not read here")
	case label.matrix == matrixIdentity || hasProfileAVIF(data):
		return nil
	case !slices.Contains(primaries, label.primaries) || !slices.Contains(transfers, label.transfer):
		return wire.ErrColour.Detailf("the AVIF has HDR or wide colours without a profile, which would come out wrong; send one with an ICC profile, or in sRGB")
	}
	return nil
}

func hasProfileAVIF(data []byte) bool {
	return bytes.Contains(data, []byte("colrprof")) || bytes.Contains(data, []byte("colrrICC"))
}

// framesOfAVIF is the number of frames of the longest track, 0 without tracks:
// the count in a box of sample sizes (stsz, ISO/IEC 14496-12 section 8.7.3).
func framesOfAVIF(data []byte) uint32 {
	frames := uint32(0)
	_, rest, found := bytes.Cut(data, []byte("moov"))
	for found {
		_, rest, found = bytes.Cut(rest, []byte("stsz"))
		if found && len(rest) >= 12 {
			frames = max(frames, binary.BigEndian.Uint32(rest[8:]))
		}
	}
	return frames
}

// labelAVIF gives a lossless result the primaries and the transfer function of
// the source: pixels are not converted, and the library calls them all sRGB. A
// lossy one has no label to change.
func labelAVIF(n *negative, output int) error {
	source, ok := labelOf(n.data)
	if !ok || source.matrix != matrixIdentity {
		return nil
	}
	head := make([]byte, 64<<10)
	size, err := unix.Pread(output, head, 0)
	if err != nil {
		return err
	}
	result, ok := labelOf(head[:size])
	if !ok {
		return nil // it has a profile instead
	}
	label := binary.BigEndian.AppendUint16(nil, source.primaries)
	label = binary.BigEndian.AppendUint16(label, source.transfer)
	_, err = unix.Pwrite(output, label, int64(result.at))
	return err
}
