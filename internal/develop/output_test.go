package develop_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"math/rand/v2"
	"strings"
	"testing"

	"minilab/internal/develop"
	"minilab/internal/engine/wire"
	"minilab/internal/imagehead"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// loaders read what a format step has written.
var loaders = map[string]string{
	"image/jpeg": "jpegload_source", "image/png": "pngload_source", "image/webp": "webpload_source",
	"image/gif": "gifload_source", "image/tiff": "tiffload_source", "image/avif": "heifload_source",
}

// TestEveryFormatIsWritten: from colour, alpha, grey and 16 bits, with the
// quality that the format and the step allow.
func TestEveryFormatIsWritten(t *testing.T) {
	sources := map[string]image.Image{
		"colour": flatten(scene(64, 48), color.White),
		"alpha":  veiled(64, 48),
		"grey":   greyed(scene(64, 48)),
		"deep":   opaque(noise(64, 48)),
	}
	for _, c := range []struct {
		text, contentType string
		decibels          float64 // of photographs; 99: exact
		alpha, deep       bool
	}{
		{"jpeg:95", "image/jpeg", 34, false, false},
		{"jpeg:95:sampling=422:progressive", "image/jpeg", 31, false, false},
		{"webp:95", "image/webp", 30, true, false},
		{"webp:lossless", "image/webp", 99, true, false},
		{"avif:95", "image/avif", 33, true, true},
		{"avif:lossless", "image/avif", 99, true, false},
		{"png", "image/png", 99, true, true},
		{"png:progressive:effort=2", "image/png", 99, true, true},
		{"png:80", "image/png", 20, true, false},
		{"gif", "image/gif", 18, false, false},
		{"tiff", "image/tiff", 99, true, true},
		{"tiff:95:jpeg", "image/tiff", 30, false, false},
	} {
		for name, source := range sources {
			out, result := run(t, encodePNG(t, source), "swap/swap/"+c.text)
			if got := result.Outputs[0]; got.ContentType != c.contentType || got.Width != 64 || got.Height != 48 || got.Pages != 1 {
				t.Errorf("%s of %s announces %+v", c.text, name, got)
				continue
			}
			want := source
			decibels := c.decibels
			if name == "alpha" && !c.alpha {
				if c.contentType == "image/gif" || c.contentType == "image/tiff" {
					continue // transparency of its own kind
				}
				want = flatten(source, color.White)
			}
			if name == "deep" && decibels == 99 && !c.deep {
				decibels = 45 // 8 bits of 16
			}
			if name == "deep" && decibels < 45 {
				continue // it is noise, which is not what these are for
			}
			got := toPNG(t, out, loaders[c.contentType], 0)
			if p := psnr(t, got, want); p < decibels {
				t.Errorf("%s of %s has %.1f dB, want at least %.0f", c.text, name, p, decibels)
			}
		}
	}
}

// veiled is a scene that is ever more transparent to the right.
func veiled(w, h int) *image.NRGBA {
	m := scene(w, h)
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = uint8(255 - 200*(i/4%w)/w)
	}
	return m
}

func flatten(m image.Image, background color.Color) image.Image {
	out := image.NewNRGBA(m.Bounds())
	br, bg, bb, _ := background.RGBA()
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			r, g, b, a := m.At(x, y).RGBA() // multiplied by alpha
			over := func(c, back uint32) uint8 { return uint8((c + back*(0xffff-a)/0xffff) >> 8) }
			out.SetNRGBA(x, y, color.NRGBA{over(r, br), over(g, bg), over(b, bb), 255})
		}
	}
	return out
}

func greyed(m image.Image) image.Image {
	out := image.NewGray(m.Bounds())
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			out.Set(x, y, m.At(x, y))
		}
	}
	return out
}

func TestJPEGsAreSampledAsAsked(t *testing.T) {
	source := encodePNG(t, scene(64, 64))
	for text, want := range map[string]string{
		"jpeg": "2x2", "jpeg:90": "1x1", "jpeg:sampling=444": "1x1", "jpeg:sampling=422": "2x1", "jpeg:sampling=440": "1x2", "jpeg:95:sampling=420": "2x2",
	} {
		out, _ := run(t, source, text)
		at := bytes.Index(out, []byte{0xff, 0xc0})
		if got := fmt.Sprintf("%dx%d", out[at+11]>>4, out[at+11]&15); got != want {
			t.Errorf("%s is sampled %s, want %s", text, got, want)
		}
	}
	if out, _ := run(t, source, "jpeg:progressive"); !bytes.Contains(out, []byte{0xff, 0xc2}) {
		t.Error("a progressive JPEG is not")
	}
}

// TestQualityLowersTheSize in every format that has one.
func TestQualityLowersTheSize(t *testing.T) {
	source := encodePNG(t, flatten(scene(200, 150), color.White))
	for _, format := range []string{"jpeg", "webp", "avif", "png", "gif"} {
		low, _ := run(t, source, format+":20")
		high, _ := run(t, source, format+":90")
		if len(low) >= len(high) {
			t.Errorf("%s has %d bytes with quality 20 and %d with 90", format, len(low), len(high))
		}
	}
}

func TestMaxBytes(t *testing.T) {
	source := encodePNG(t, flatten(scene(300, 200), color.White))
	for _, format := range []string{"jpeg", "webp", "avif"} {
		full, _ := run(t, source, format+":90")
		limit := len(full) / 2
		out, _ := run(t, source, fmt.Sprintf("%s:90:maxbytes=%d", format, limit))
		if len(out) > limit || len(out) < limit/2 {
			t.Errorf("%s of at most %d bytes has %d", format, limit, len(out))
		}
		same, _ := run(t, source, fmt.Sprintf("%s:90:maxbytes=%d", format, len(full)))
		if !bytes.Equal(same, full) {
			t.Errorf("%s was made worse though it fits", format)
		}
		toPNG(t, out, loaders["image/"+format], 0)
		if _, _, err := try(t, source, format+":90:maxbytes=100"); !errors.Is(err, wire.ErrOutputTooLarge) || !strings.Contains(err.Error(), "lowest quality") {
			t.Errorf("%s in 100 bytes: %v", format, err)
		}
	}
	if _, _, err := try(t, source, "webp:lossless:maxbytes=100"); !errors.Is(err, wire.ErrOutputTooLarge) {
		t.Errorf("lossless in 100 bytes: %v", err)
	}
}

// TestAutoIsTheSmallest of what the viewer takes, and keeps drawings exact.
func TestAutoIsTheSmallest(t *testing.T) {
	photo := encodePNG(t, flatten(scene(300, 200), color.White))
	drawing := image.NewNRGBA(image.Rect(0, 0, 200, 100))
	for i := range drawing.Pix {
		drawing.Pix[i] = 255
		if i/4%200 > 50 && i/800 > 30 {
			drawing.Pix[i] = []uint8{200, 30, 60, 255}[i%4]
		}
	}
	_, moving := film(t)
	for _, c := range []struct {
		name, text string
		source     []byte
		allowed    string
	}{
		{"a photograph", "auto", photo, "image/jpeg"},
		{"a photograph", "auto:accept=webp", photo, "image/jpeg image/webp"},
		{"a photograph", "auto:accept=avif,webp", photo, "image/jpeg image/webp image/avif"},
		{"alpha", "auto", encodePNG(t, veiled(100, 80)), "image/png"},
		{"alpha", "auto:accept=webp", encodePNG(t, veiled(100, 80)), "image/png image/webp"},
		{"a drawing", "auto", encodePNG(t, drawing), "image/png"},
		{"a drawing", "auto:accept=avif,webp", encodePNG(t, drawing), "image/png image/webp"},
		{"an animation", "auto", moving, "image/gif"},
		{"an animation", "auto:accept=webp", moving, "image/gif image/webp"},
	} {
		out, result := run(t, c.source, c.text)
		got := result.Outputs[0].ContentType
		if !strings.Contains(c.allowed, got) {
			t.Errorf("%s by %s is %s, want %s", c.name, c.text, got, c.allowed)
		}
		for contentType := range strings.FieldsSeq(c.allowed) {
			if strings.HasPrefix(c.name, "a photo") {
				alone, _ := run(t, c.source, map[string]string{"image/jpeg": "jpeg:80", "image/webp": "webp:80", "image/avif": "avif:56"}[contentType])
				if len(alone) < len(out) {
					t.Errorf("%s by %s has %d bytes, as %s %d", c.name, c.text, len(out), contentType, len(alone))
				}
			}
		}
		back := toPNG(t, out, loaders[got], 0)
		if c.name == "a drawing" {
			mustEqual(t, back, drawing)
		}
	}
	for name, source := range map[string][]byte{"photo": photo, "alpha": encodePNG(t, veiled(200, 150)), "drawing": encodePNG(t, drawing), "animation": moving} {
		for _, text := range []string{"auto:accept=webp:maxbytes=2500", "auto:maxbytes=3400"} {
			if out, _, err := try(t, source, text); err != nil && !errors.Is(err, wire.ErrOutputTooLarge) || len(out) > 3400 && err == nil {
				t.Errorf("%s of %s has %d bytes, %v", text, name, len(out), err)
			}
		}
	}
	if out, _ := run(t, photo, "auto:accept=webp:maxbytes=1500"); len(out) > 1500 { // too little for a JPEG
		t.Errorf("auto of at most 1500 bytes has %d", len(out))
	}
}

// TestAutoIsNeverOverMaxbytes: one format may be small enough where another is
// not, and a drawing that is too large as it is loses some of its detail.
func TestAutoIsNeverOverMaxbytes(t *testing.T) {
	noise, few := image.NewNRGBA(image.Rect(0, 0, 400, 400)), image.NewNRGBA(image.Rect(0, 0, 300, 300))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(random.Uint32()) | uint8(i%4/3*255)
	}
	for i := range few.Pix {
		few.Pix[i] = uint8(random.Uint32()&1*200) | uint8(i%4/3*255)
	}
	for _, c := range []struct {
		image image.Image
		text  string
		most  int
	}{
		{noise, "auto:accept=avif:maxbytes=5000", 5000},
		{few, "auto:maxbytes=12000", 12000},
		{few, "auto:accept=webp:maxbytes=20000", 20000},
	} {
		if out, result := run(t, encodePNG(t, c.image), c.text); len(out) > c.most {
			t.Errorf("%s has %d bytes: %+v", c.text, len(out), result.Outputs)
		}
	}
	if _, _, err := try(t, encodePNG(t, veiled(100, 80)), "auto:maxbytes=100"); !errors.Is(err, wire.ErrOutputTooLarge) {
		t.Errorf("a PNG in 100 bytes: %v", err)
	}
}

// TestFramesAndPages: those that are asked for, with their delays.
func TestFramesAndPages(t *testing.T) {
	_, data := film(t)
	whole, err := gif.DecodeAll(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]int{
		"gif": whole.Delay, "frames:2/gif": whole.Delay[1:], "frames:1:2/gif": whole.Delay[:2], "frames:2:9/gif": whole.Delay[1:],
		"page:2/gif": {0}, "page/gif": {0},
	} {
		out, result := run(t, data, text)
		back, err := gif.DecodeAll(bytes.NewReader(out))
		if err != nil || len(back.Image) != len(want) || result.Outputs[0].Pages != len(want) || result.Facts.Pages != len(whole.Image) {
			t.Errorf("%s gives %d frames, %v, %+v, want %d", text, len(back.Image), err, result, len(want))
			continue
		}
		if len(want) > 1 && fmt.Sprint(back.Delay) != fmt.Sprint(want) {
			t.Errorf("%s has the delays %v, want %v", text, back.Delay, want)
		}
	}
	if _, _, err := try(t, data, "page:4"); !errors.Is(err, wire.ErrNoPage) {
		t.Errorf("the fourth frame of three: %v", err)
	}
	for _, format := range []string{"png", "jpeg", "avif"} {
		if _, result := run(t, data, format); result.Outputs[0].Pages != 1 || result.Outputs[0].Height != whole.Config.Height {
			t.Errorf("an animation as %s is %+v", format, result.Outputs[0])
		}
	}
}

// TestATreeOfOutputs: each is what it would be alone, whatever they share.
func TestATreeOfOutputs(t *testing.T) {
	source := encodePNG(t, scene(90, 70))
	texts := []string{"swap/invert/png", "swap/invert/flip/png", "swap/png", "swap", "swap/invert/png", "png", "flop", "swap/invert/webp:lossless"}
	job := develop.Job{Input: source, Limits: develop.Limits{MaxPixels: 1 << 20, MaxFrames: imagehead.MaxFrames, MaxPages: 10, MaxOutput: 1 << 24}}
	for _, text := range texts {
		p, err := pipeline.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		job.Outputs = append(job.Outputs, develop.Target{Pipeline: p, File: memfd(t)})
	}
	result, err := develop.Develop(job)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		alone, one := run(t, source, text)
		together := contents(t, job.Outputs[i].File)
		if result.Outputs[i].ContentType != one.Outputs[0].ContentType {
			t.Errorf("%s is %s, alone %s", text, result.Outputs[i].ContentType, one.Outputs[0].ContentType)
		}
		loader := loaders[one.Outputs[0].ContentType]
		mustEqual(t, toPNG(t, together, loader, 0), toPNG(t, alone, loader, 0))
	}
}

// TestATruncatedImage is refused with how much of it there is, and taken when
// that will do.
func TestATruncatedImage(t *testing.T) {
	var whole bytes.Buffer
	if err := jpeg.Encode(&whole, flatten(scene(300, 400), color.White), nil); err != nil {
		t.Fatal(err)
	}
	grainy := scene(300, 400)
	for i, v := range noise(300, 400).Pix[:len(grainy.Pix)] {
		grainy.Pix[i] ^= v & 0x1f
	}
	png := encodePNG(t, opaque8(grainy))
	for name, data := range map[string][]byte{"jpeg": whole.Bytes(), "png": png, "gif": fromPNG(t, scene(300, 400), "gifsave_target", nil)} {
		cut := data[:len(data)*6/10]
		for _, text := range []string{"invert", "swap", "swap/png"} {
			_, _, err := try(t, cut, text)
			if !errors.Is(err, wire.ErrBroken) || !strings.Contains(err.Error(), map[string]string{"gif": "some", "jpeg": "%", "png": "%"}[name]+" of it could be read") {
				t.Errorf("%s of a %s that is cut off: %v", text, name, err)
			}
		}
		out, result := run(t, cut, "partial/png")
		if r := result.Outputs[0]; r.Width != 300 || r.Height != 400 {
			t.Errorf("a part of a %s is %+v", name, r)
		}
		top := func(m image.Image) image.Image {
			return m.(interface {
				SubImage(image.Rectangle) image.Image
			}).SubImage(image.Rect(0, 0, 300, 100))
		}
		mustResemble(t, top(toPNG(t, out, "pngload_source", 0)), top(toPNG(t, data, loaders["image/"+name], 0)), 40)
	}
	if _, _, err := try(t, png[:40], "invert"); !errors.Is(err, wire.ErrBroken) || !strings.Contains(err.Error(), "nothing of it") {
		t.Errorf("a header alone: %v", err)
	}
}

func opaque8(m *image.NRGBA) *image.NRGBA {
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
	return m
}

// TestDepthIsKept where the format has it.
func TestDepthIsKept(t *testing.T) {
	source := encodePNG(t, opaque(noise(40, 30)))
	for text, bits := range map[string]int{"invert": 16, "invert/png": 16, "invert/tiff": 16, "invert/avif:lossless": 12, "invert/webp": 8, "invert/jpeg": 8} {
		out, result := run(t, source, text)
		m, err := vips.Load(loaders[result.Outputs[0].ContentType], out, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := m.Bits()
		if depth, ok := m.Int("heif-bitdepth"); ok {
			got = depth
		}
		m.Close()
		if got != bits {
			t.Errorf("%s of 16 bits has %d, want %d", text, got, bits)
		}
	}
}
