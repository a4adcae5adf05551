package develop

import (
	"fmt"

	"minilab/internal/coeff"
	"minilab/internal/pipeline"
)

// HalvedAVIF is halvedAVIF.
var HalvedAVIF = halvedAVIF

// Empty takes back what has been written.
var Empty = empty

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

// Smaller is how many times smaller an image is decoded for pipelines.
func Smaller(data []byte, pipelines ...pipeline.Pipeline) (int, error) {
	f, err := sniff(data)
	if err != nil {
		return 0, err
	}
	n, err := open(f, data, Limits{MaxPixels: 1 << 26, MaxFrames: 1, MaxPages: 1}, wish{})
	if err != nil {
		return 0, err
	}
	defer n.close()
	targets := make([]Target, len(pipelines))
	for i, p := range pipelines {
		targets[i].Pipeline = p
	}
	return n.shrink(targets), nil
}

// Decodings is how many times the image is decoded for targets.
func Decodings(targets []Target) int { return len(byWish(targets)) }

// Planned is what the coefficient lane is asked for by a pipeline. It is not ok
// for a pipeline that is not for this lane.
func Planned(data []byte, p pipeline.Pipeline, orientation int) (o coeff.Order, ok bool) {
	image, err := coeff.Open(data)
	if err != nil {
		return o, false
	}
	l, ok := planOf(p, image, orientation, false)
	if !ok {
		return o, false
	}
	return l.order(image)
}
