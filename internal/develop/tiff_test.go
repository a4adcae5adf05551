package develop_test

import (
	"bytes"
	"fmt"
	"image"
	"reflect"
	"testing"

	"golang.org/x/image/tiff"

	"minilab/internal/develop"
	"minilab/internal/imagehead"
	"minilab/internal/vips"
)

func decodeTIFF(tb testing.TB, data []byte) image.Image {
	tb.Helper()
	m, err := tiff.Decode(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestTIFFIsExactAndKeepsItsWays(t *testing.T) {
	pictures := map[string]image.Image{
		"8 bits":            eightBit(opaque(noise(45, 37))),
		"8 bits and alpha":  eightBit(noise(45, 37)),
		"16 bits":           opaque(noise(45, 37)),
		"16 bits and alpha": noise(45, 37),
	}
	ways := []vips.Options{
		{"compression": "none"},
		{"compression": "lzw", "predictor": "none"},
		{"compression": "lzw", "predictor": "horizontal"},
		{"compression": "deflate", "predictor": "horizontal"},
		{"compression": "packbits"},
		{"compression": "deflate", "tile": true, "tile_width": 16, "tile_height": 32},
		{"compression": "none", "bigtiff": true},
	}
	for name, m := range pictures {
		for _, way := range ways {
			t.Run(fmt.Sprint(name, way), func(t *testing.T) {
				data := fromPNG(t, m, "tiffsave_target", way)
				out, result := run(t, data, "swap:gbr")
				mustEqual(t, toPNG(t, out, "tiffload_source", 0), reference(m, "gbr"))
				if a, b := develop.TIFFWays(data), develop.TIFFWays(out); a != b {
					t.Errorf("the ways are %s, want %s", b, a)
				}
				if result.Facts.Bits != 16 && name[0] == '1' {
					t.Errorf("facts are %+v", result.Facts)
				}
			})
		}
	}
}

func TestTIFFOfAnotherWriter(t *testing.T) {
	m := eightBit(opaque(noise(45, 37)))
	for _, options := range []*tiff.Options{
		{Compression: tiff.Uncompressed},
		{Compression: tiff.Deflate, Predictor: true},
	} {
		var b bytes.Buffer
		if err := tiff.Encode(&b, m, options); err != nil {
			t.Fatal(err)
		}
		out, _ := run(t, b.Bytes(), "swap")
		mustEqual(t, decodeTIFF(t, out), reference(m, "bgr"))
	}
}

func TestTIFFKeepsItsPages(t *testing.T) {
	_, moving := film(t)
	data := convert(t, moving, "gifload_source", vips.Options{"n": -1}, "tiffsave_target", vips.Options{"compression": "lzw"})
	out, result := run(t, data, "swap")
	if result.Facts.Pages != 3 || result.Facts.Height != 30 {
		t.Errorf("facts are %+v", result.Facts)
	}
	if _, again := run(t, out, "swap"); !reflect.DeepEqual(again.Facts, result.Facts) {
		t.Errorf("facts of the result are %+v, want %+v", again.Facts, result.Facts)
	}
	mustEqual(t, toPNG(t, out, "tiffload_source", -1), reference(toPNG(t, data, "tiffload_source", -1), "bgr"))
}

// TestADirectoryThatLeadsToItself has a large file with an empty directory of
// six bytes, which could be looked at once for every two bytes of the file.
func TestADirectoryThatLeadsToItself(t *testing.T) {
	data := make([]byte, 1<<20)
	copy(data, "II*\x00\x08\x00\x00\x00\x00\x00\x08")
	if n := develop.TIFFPages(data); n > imagehead.MaxFrames+1 {
		t.Errorf("%d directories are looked at", n)
	}
}
