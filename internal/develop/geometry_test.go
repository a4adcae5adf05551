package develop_test

import (
	"errors"
	"fmt"
	"image"
	"testing"

	"minilab/internal/develop"
	"minilab/internal/engine/wire"
	"minilab/internal/imagehead"
	"minilab/internal/vips"
)

// kindsOfFiles are all formats and the ways in which they are read, of an image
// that no codec makes small.
func kindsOfFiles(tb testing.TB) map[string][]byte {
	m := eightBit(opaque(noise(301, 203)))
	return map[string][]byte{
		"jpeg":             fromPNG(tb, m, "jpegsave_target", nil),
		"progressive jpeg": fromPNG(tb, m, "jpegsave_target", vips.Options{"interlace": true}),
		"png":              encodePNG(tb, m),
		"interlaced png":   fromPNG(tb, m, "pngsave_target", vips.Options{"interlace": true}),
		"webp":             fromPNG(tb, m, "webpsave_target", nil),
		"gif":              fromPNG(tb, m, "gifsave_target", nil),
		"avif":             fromPNG(tb, m, "heifsave_target", vips.Options{"compression": "av1", "effort": 0}),
		"tiff":             fromPNG(tb, m, "tiffsave_target", vips.Options{"compression": "lzw"}),
		"tiled tiff":       fromPNG(tb, m, "tiffsave_target", vips.Options{"compression": "lzw", "tile": true, "tile_width": 64, "tile_height": 64}),
	}
}

// TestATileThatIsDamagedIsNotBlack: the library makes it so.
func TestATileThatIsDamagedIsNotBlack(t *testing.T) {
	data := kindsOfFiles(t)["tiled tiff"]
	for _, text := range []string{"swap", "swap:rgb", "invert", "png"} {
		if _, _, err := try(t, cutAt("tiled tiff", data, 5), text); !errors.Is(err, wire.ErrBroken) {
			t.Errorf("%s: %v", text, err)
		}
		if _, _, err := try(t, data, text); err != nil {
			t.Errorf("%s of a good one: %v", text, err)
		}
	}
}

// leaving are pipelines that need the upper part of the image only.
var leaving = []string{"crop:10x10:north/png", "crop:10x10:northwest/blur:2/png", "resize:200x10:cover:gravity=north/png"}

// TestWhatACropLeavesOutIsWhole: an image that ends early is refused also if
// what is there would be enough.
func TestWhatACropLeavesOutIsWhole(t *testing.T) {
	for name, data := range kindsOfFiles(t) {
		for _, text := range leaving {
			if _, _, err := try(t, data, text); err != nil {
				t.Errorf("%s of a good %s: %v", text, name, err)
			}
			for _, tenths := range []int{5, 8} {
				_, _, err := try(t, cutAt(name, data, tenths), text)
				if !errors.Is(err, wire.ErrBroken) {
					t.Errorf("%s of %d tenths of a %s: %v", text, tenths, name, err)
				}
			}
		}
	}
}

// cutAt leaves so many tenths; of a TIFF, whose directory is at its end, the rest
// is destroyed.
func cutAt(name string, data []byte, tenths int) []byte {
	at := len(data) * tenths / 10
	if name != "tiff" && name != "tiled tiff" {
		return data[:at]
	}
	out := append([]byte(nil), data...)
	for i := at; i < len(out)-3000; i++ {
		out[i] = 0xff
	}
	return out
}

// TestOutputsOfOneDecoding: of several sizes each is as it is alone, and the
// image is read once. Of a JPEG, which is decoded smaller for a small size alone,
// the waves of this picture show that; photographs have 43 dB and more.
func TestOutputsOfOneDecoding(t *testing.T) {
	texts := []string{"resize:600x600/png", "resize:300x300/png", "resize:100x100/png", "resize:64x64:cover/png"}
	for name, data := range map[string][]byte{"jpeg": ripples(), "png": encodePNG(t, rippled()), "webp": fromPNG(t, rippled(), "webpsave_target", nil)} {
		job := develop.Job{Input: data, Limits: develop.Limits{MaxPixels: 1 << 24, MaxFrames: imagehead.MaxFrames, MaxPages: 10, MaxOutput: 1 << 24}}
		for _, p := range parsed(t, texts...) {
			job.Outputs = append(job.Outputs, develop.Target{Pipeline: p, File: memfd(t)})
		}
		if n := develop.Decodings(job.Outputs); n != 1 {
			t.Errorf("%s is decoded %d times", name, n)
		}
		if _, err := develop.Develop(job); err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			alone, _ := run(t, data, text)
			p := psnr(t, decodePNG(t, contents(t, job.Outputs[i].File)), decodePNG(t, alone))
			if name != "jpeg" && p < 100 || p < 36 { // the others are equal, which is more than any number
				t.Errorf("%s of a %s: %.1f dB beside the one made alone", text, name, p)
			}
		}
	}
}

// TestAnimationsMove: every frame by itself, and the file says how high it is.
func TestAnimationsMove(t *testing.T) {
	frames := fromPNG(t, scene(60, 90), "gifsave_target", nil)
	strip, err := vips.Load("gifload_source", frames, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer strip.Close()
	paged, err := strip.Call("copy", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer paged.Close()
	paged.SetInt("page-height", 30)
	paged.SetInts("delay", []int{50, 60, 70})
	data := saved(t, paged, "webpsave_target", vips.Options{"lossless": true})
	for text, size := range map[string]image.Point{
		"resize:120x120:enlarge": {120, 60}, "resize:30x30:cover": {30, 30}, "crop:20x10": {20, 10}, "rotate:90": {30, 60},
		"rotate:45": {64, 64}, "pad:15:0:15:0": {60, 60}, "extend:60x60": {60, 60}, "flip": {60, 30}, "blur:2": {60, 30},
		"pixelate:7": {60, 30}, "round:5": {60, 30}, "shadow:1:0:0": {66, 36}, "trim:0": {60, 30}, "vignette": {60, 30}, "sharpen": {60, 30}, "median": {60, 30},
	} {
		out, result := run(t, data, text)
		o := result.Outputs[0]
		if o.Pages != 3 || abs(o.Width-size.X) > 1 || abs(o.Height-size.Y) > 1 {
			t.Errorf("%s makes %d pages of %d x %d, want %v", text, o.Pages, o.Width, o.Height, size)
		}
		back, err := vips.Load("webpload_source", out, vips.Options{"n": -1})
		if err != nil {
			t.Fatal(err)
		}
		pages, _ := back.Int("n-pages")
		if got := fmt.Sprint(back.Ints("delay")); pages != 3 || back.Height() != 3*o.Height || got != "[50 60 70]" {
			t.Errorf("%s is written as %d pages, %d rows, delays %s", text, pages, back.Height(), got)
		}
		back.Close()
	}
}

func abs(n int) int { return max(n, -n) }
