package develop

import "fmt"

// HalvedAVIF is halvedAVIF.
var HalvedAVIF = halvedAVIF

// JPEGMetadata are the segments that encodeJPEG takes over.
func JPEGMetadata(data, profile []byte) []byte { return readJPEG(data).metadata(profile) }

// TIFFWays describes what saveTIFF keeps.
func TIFFWays(data []byte) string {
	h := readTIFF(data)
	return fmt.Sprintf("big %v, compression %d, predictor %d, tiles %d x %d", h.big,
		h.tag(tiffCompression, 1), h.tag(tiffPredictor, 1), h.tag(tiffTileWidth, 0), h.tag(tiffTileLength, 0))
}

// TIFFPages is how many directories are looked at.
func TIFFPages(data []byte) (n int) {
	for range pagesOfTIFF(data) {
		n++
	}
	return n
}
