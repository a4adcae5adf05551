package develop

import (
	"math"

	"minilab/internal/engine/wire"
	"minilab/internal/vips"
)

// saveTIFF keeps the compression, the predictor, the tiles and the size of
// offsets of the first page. What libvips cannot write becomes deflate, which
// loses nothing.
func saveTIFF(n *negative) vips.Options {
	h := readTIFF(n.data)
	o := vips.Options{"compression": "deflate", "bigtiff": h.big}
	switch h.tag(tiffCompression, 1) {
	case 1:
		o["compression"] = "none"
	case 5:
		o["compression"] = "lzw"
	case 7:
		o["compression"], o["Q"] = "jpeg", defaultQuality
	case 32773:
		o["compression"] = "packbits"
	}
	switch {
	case h.tag(tiffPredictor, 1) == 1:
		o["predictor"] = "none"
	case n.image.Float():
		o["predictor"] = "float"
	default:
		o["predictor"] = "horizontal"
	}
	if width, height := h.tag(tiffTileWidth, 0), h.tag(tiffTileLength, 0); width > 0 && width <= 4096 && height > 0 && height <= 4096 {
		o["tile"], o["tile_width"], o["tile_height"] = true, width, height
	}
	return o
}

// maxTileWork is how much there may be to do for the tiles of a page: those in a
// row, by themselves, for each row of them. The library keeps a row in a list
// and looks for each tile from the list's start.
const maxTileWork = 1e9

// boundTIFF refuses a page of more tiles than any needs.
func boundTIFF(data []byte) error {
	for h := range pagesOfTIFF(data) {
		if across, down := h.tiles(); across*across*down > maxTileWork {
			return wire.ErrBroken.Detailf("the TIFF image has %.0f tiles, more than any image needs", across*down)
		}
	}
	return nil
}

// refuseTIFF refuses a page of which the file does not tell where all tiles
// are: the library makes those up.
func refuseTIFF(data []byte) error {
	for h := range pagesOfTIFF(data) {
		across, down := h.tiles()
		told := max(h.counts[tiffTileOffsets], h.counts[tiffStripOffsets])
		if float64(told) < across*down*float64(h.planes()) {
			return wire.ErrBroken.Detailf("the TIFF image is broken or cut off (a part of the image data is missing)")
		}
	}
	return nil
}

// tiles is the number of tiles in a row and in a column, none of a page that has
// strips.
func (h tiffHeader) tiles() (across, down float64) {
	width, height := h.tag(tiffTileWidth, 0), h.tag(tiffTileLength, 0)
	if width <= 0 || height <= 0 {
		return 0, 0
	}
	return math.Ceil(float64(h.tag(tiffWidth, 0)) / float64(width)), math.Ceil(float64(h.tag(tiffLength, 0)) / float64(height))
}

// planes is how often the tiles are there: once, or once for each channel.
func (h tiffHeader) planes() int {
	const separate = 2
	if h.tag(tiffPlanes, 1) != separate {
		return 1
	}
	return h.tag(tiffChannels, 1)
}

// sizeTIFF is the size that the first page declares, which may be beyond what
// the library reads.
func sizeTIFF(data []byte) (width, height int64) {
	h := readTIFF(data)
	return int64(h.tag(tiffWidth, 0)), int64(h.tag(tiffLength, 0))
}

// countTIFF is how many pages there are, or one more than are allowed at all:
// the library takes its time for each.
func countTIFF(data []byte) (pages int) {
	for range pagesOfTIFF(data) {
		pages++
	}
	return pages
}
