package kills

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"

	"minilab/internal/trials"
)

// album makes the images that customers bring, each from its seed alone, so
// that nobody has to keep them.
type album struct{ photos []string }

// openAlbum finds the photographs in a folder; without one there are none.
func openAlbum(dir string) (a album, err error) {
	if dir == "" {
		return a, nil
	}
	if a.photos, err = filepath.Glob(filepath.Join(dir, "*.jpg")); err == nil && len(a.photos) == 0 {
		err = fmt.Errorf("no *.jpg in %s", dir)
	}
	return a, err
}

// print is one image: a picture, or a photograph with the seed in a comment.
type print struct {
	seed      uint64
	photo     string
	data      []byte
	tolerance float64 // of the comparison, see trials.Swapped
}

// picture is small, or now and then large enough to keep an engine busy.
func picture(seed uint64) print {
	rng := rand.New(rand.NewPCG(seed, 1))
	w, h := 32+rng.IntN(200), 32+rng.IntN(150)
	if rng.IntN(12) == 0 {
		w, h = 500+rng.IntN(200), 400+rng.IntN(100)
	}
	if rng.IntN(2) == 0 {
		return pictureJPEG(w, h, seed)
	}
	return picturePNG(w, h, seed)
}

// outputs are those that every third image is wanted in: two ways to the same
// pixels, one through the shortest lane, one through a pipeline of its own.
var outputs = []string{"short", "long"}

// wishes are what is asked for beside the image.
func (p print) wishes() url.Values {
	if !p.several() {
		return nil
	}
	return url.Values{"outputs": {"short=swap|long=swap/flop/flop"}}
}

func (p print) several() bool { return p.seed%3 == 0 }

// collect fetches the results.
func (p print) collect(ctx context.Context, at trials.Customer, id string) (results [][]byte, err error) {
	names := []string{""}
	if p.several() {
		names = outputs
	}
	for _, name := range names {
		result, err := at.Output(ctx, id, name)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

// compare holds each result against the image and gives a digest of all.
func (p print) compare(results [][]byte) (string, error) {
	for i, result := range results {
		if err := p.check(result); err != nil {
			return "", fmt.Errorf("output %d of %d: %w", i+1, len(results), err)
		}
	}
	return digest(bytes.Join(results, nil)), nil
}

// large keeps an engine busy for a while.
func large(seed uint64) print { return picturePNG(4000, 3000, seed) }

func picturePNG(w, h int, seed uint64) print {
	var buf bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	_ = e.Encode(&buf, trials.Mosaic(w, h, seed)) // a buffer takes everything
	return print{seed: seed, data: buf.Bytes()}
}

func pictureJPEG(w, h int, seed uint64) print {
	var buf bytes.Buffer
	_ = jpeg.Encode(&buf, trials.Mosaic(w, h, seed), &jpeg.Options{Quality: 90}) // a buffer takes everything
	return print{seed: seed, data: buf.Bytes(), tolerance: mosaicTolerance}
}

// photograph is one of the album's. Its comment makes it one of a kind.
func (a album) photograph(seed uint64) (print, error) {
	p := print{seed: seed, photo: a.photos[seed%uint64(len(a.photos))], tolerance: photoTolerance}
	data, err := os.ReadFile(p.photo)
	if err != nil || len(data) < 2 {
		return p, fmt.Errorf("photo %s: %w", p.photo, err)
	}
	p.data = bytes.Join([][]byte{data[:2], comment(seed), data[2:]}, nil)
	return p, nil
}

// comment is a segment of a JPEG, which the lab keeps.
func comment(seed uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0xff, 0xfe, 0, 10}, seed)
}

// How far a JPEG may be off on the average, in 255ths, by rounding alone. Two
// mosaics are further apart by far. A PNG must be exact.
const (
	mosaicTolerance = 5
	photoTolerance  = 2
)

// check is an error unless the result is this very image, altered.
func (p print) check(result []byte) error {
	if p.photo != "" && !bytes.Contains(result, comment(p.seed)) {
		return fmt.Errorf("the result of %s does not have the comment of the seed %d", p.photo, p.seed)
	}
	return trials.Swapped(p.data, result, p.tolerance)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
