package develop

import (
	"encoding/binary"

	"minilab/internal/engine/wire"
	"minilab/internal/imagehead"
	"minilab/internal/vips"
)

// saveWebP keeps a lossless image lossless, colours of invisible pixels
// included. The quality of a lossy one is not told by its file in a way that
// could be read off; webpQuality is beyond what the eye can tell.
func saveWebP(n *negative) vips.Options {
	if isLosslessWebP(n.data) {
		return vips.Options{"lossless": true, "exact": true, "effort": 0, "Q": 20} // more takes ten times as long for 6 % less
	}
	return vips.Options{"Q": webpQuality, "effort": 2}
}

const webpQuality = 90

// isLosslessWebP says that no frame of the image was compressed with loss.
func isLosslessWebP(data []byte) bool {
	const head = 12 // RIFF, length, WEBP
	if len(data) < head {
		return false
	}
	lossless := false
	for name, body := range riffChunks(data[head:]) {
		if name == "ANMF" && len(body) > anmfHead {
			for name := range riffChunks(body[anmfHead:]) {
				if name == "VP8 " {
					return false
				}
				lossless = lossless || name == "VP8L"
			}
		}
		if name == "VP8 " {
			return false
		}
		lossless = lossless || name == "VP8L"
	}
	return lossless
}

// boundWebP refuses an image of more frames than are allowed before the
// library looks for each of them from the first one on.
func boundWebP(data []byte) error {
	const head = 12 // RIFF, length, WEBP
	frames := 0
	for name := range riffChunks(data[head:]) {
		if name == "ANMF" {
			frames++
		}
	}
	if frames > imagehead.MaxFrames {
		return wire.ErrTooManyPixels.Detailf("the image has %d frames, more than the %d that are allowed", frames, imagehead.MaxFrames)
	}
	return nil
}

const anmfHead = 16 // place, size, delay and flags of a frame

// riffChunks goes through the chunks of a RIFF list for as long as they are whole.
func riffChunks(data []byte) func(yield func(name string, body []byte) bool) {
	const head = 8 // name and length
	return func(yield func(string, []byte) bool) {
		for len(data) >= head {
			size := int64(binary.LittleEndian.Uint32(data[4:]))
			if size > int64(len(data)-head) || !yield(string(data[:4]), data[head:head+size]) {
				return
			}
			data = data[min(head+size+size&1, int64(len(data))):]
		}
	}
}
