package develop_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"strings"
	"sync"
	"testing"

	"minilab/internal/develop/corpus"
	"minilab/internal/engine/wire"
	"minilab/internal/vips"
)

// theCorpus are all images of the corpus, those that come with Go among them.
func theCorpus(tb testing.TB) []*corpus.Image {
	tb.Helper()
	images, err := wholeCorpus()
	if err != nil {
		tb.Fatal(err)
	}
	return images
}

var wholeCorpus = sync.OnceValues(func() ([]*corpus.Image, error) {
	gos, err := corpus.Goroot(context.Background())
	return append(corpus.All(), gos...), err
})

var corpusLoaders = map[string]string{
	"jpeg": "jpegload_source", "png": "pngload_source", "gif": "gifload_source",
	"webp": "webpload_source", "tiff": "tiffload_source", "avif": "heifload_source",
}

// byLibrary decodes what Go has no decoder for with the library, frame by frame.
func byLibrary(tb testing.TB, format string) corpus.Decoder {
	return func(data []byte) ([]*image.NRGBA64, error) {
		options := vips.Options{}
		if format != "jpeg" && format != "png" {
			options["n"] = -1
		}
		m, err := vips.Load(corpusLoaders[format], data, options)
		if err != nil {
			return nil, err
		}
		defer m.Close()
		pages := 1
		if n, ok := m.Int("n-pages"); ok && options["n"] != nil {
			pages = n
		}
		all := decodePNG(tb, saved(tb, m, "pngsave_target", vips.Options{"compression": 1}))
		size := image.Pt(m.Width(), m.Height()/pages)
		var frames []*image.NRGBA64
		for i := range pages {
			f := image.NewNRGBA64(image.Rectangle{Max: size})
			for y := range size.Y {
				for x := range size.X {
					f.SetNRGBA64(x, y, straight(all.At(x, i*size.Y+y)))
				}
			}
			frames = append(frames, f)
		}
		return frames, nil
	}
}

// view shows a result as a viewer does.
func view(tb testing.TB, data []byte) ([]corpus.Frame, *corpus.Contents) {
	tb.Helper()
	c, err := corpus.Read(data)
	if err != nil {
		tb.Fatal(err)
	}
	frames, c, err := corpus.View(data, byLibrary(tb, c.Format))
	if err != nil {
		tb.Fatal(err)
	}
	return frames, c
}

func mustShow(tb testing.TB, got, want []corpus.Frame, within corpus.Tolerance) {
	tb.Helper()
	if err := corpus.Compare(got, want, within); err != nil {
		tb.Error(err)
	}
}

// again is what one more encoding in a format may cost.
func again(format string) corpus.Tolerance {
	if format == "jpeg" {
		return corpus.Lossy
	}
	return corpus.Exact
}

// TestSpoiltImagesOfGo: the images that come with Go to be refused are.
func TestSpoiltImagesOfGo(t *testing.T) {
	spoilt, err := corpus.Spoilt(t.Context())
	if err != nil || len(spoilt) < 5 {
		t.Fatalf("there are %d: %v", len(spoilt), err)
	}
	for _, m := range spoilt {
		for _, text := range []string{"swap", "swap:rgb", "png"} {
			out, _, err := try(t, m.Data, text)
			if err == nil && strings.Contains(m.Name, "invalid-palette") {
				continue // it points beyond its colours, which the library forgives
			}
			if !errors.Is(err, wire.ErrBroken) || len(out) > 0 {
				t.Errorf("%s of %s: %v", text, m.Name, err)
			}
		}
	}
}

// TestCorpusSwapped: reordering channels changes colours and nothing else.
func TestCorpusSwapped(t *testing.T) {
	for _, m := range theCorpus(t) {
		t.Run(m.Name, func(t *testing.T) {
			near := m.Near.Plus(again(m.Format))
			if !m.Space.IsSRGB() {
				near = near.Plus(corpus.Tolerance{Max: 6}) // saturated colours, whose curves are steep
			}
			for _, order := range []string{"bgr", "gbr", "rgb"} {
				out, result, err := try(t, m.Data, "swap:"+order)
				if err != nil {
					t.Fatal(err)
				}
				frames, c := view(t, out)
				mustShow(t, frames, m.Swapped(order), near)
				if c.Format != m.Format || c.Depth != m.Depth || max(c.Orientation, 1) != max(m.Orientation, 1) || c.Alpha != m.Alpha || c.Loop != m.Loop {
					t.Errorf("%s %+v: the result is %s of %d bits, orientation %d, alpha %v, loop %d; the image was %s of %d bits, orientation %d, alpha %v, loop %d",
						order, result.Facts, c.Format, c.Depth, c.Orientation, c.Alpha, c.Loop, m.Format, m.Depth, m.Orientation, m.Alpha, m.Loop)
				}
				if !bytes.Equal(c.Profile, m.Profile) && !m.Press && !(m.Broken && c.Profile == nil) {
					t.Errorf("the profile had %d bytes and has %d", len(m.Profile), len(c.Profile))
				}
			}
		})
	}
}
