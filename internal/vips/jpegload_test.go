package vips_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/vips"
)

// scene has slopes, texture and an edge, and no even sides.
func scene() *image.RGBA {
	const w, h = 341, 259
	rng := rand.New(rand.NewPCG(7, 0))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := 0; i < len(m.Pix); i += 4 {
		x, y := i/4%w, i/4/w
		n := uint8(rng.IntN(20))
		m.Pix[i], m.Pix[i+1], m.Pix[i+2], m.Pix[i+3] = uint8(20+200*x/w)+n, uint8(30+180*y/h)+n, 210-uint8(150*x/w)+n, 255
		if (x-150)*(x-150)+(y-120)*(y-120) < 3000 {
			m.Pix[i+1] /= 2
		}
	}
	return m
}

// upTo is where data ends.
func upTo(end int) func() int { return func() int { return end } }

// memfd is an empty file in memory.
func memfd(t *testing.T) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "test")
	t.Cleanup(func() { f.Close() })
	return f
}

// written is what save writes.
func written(t *testing.T, save func(fd int) error) []byte {
	t.Helper()
	f := memfd(t)
	if err := save(int(f.Fd())); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func encode(t *testing.T, m image.Image, how vips.JPEG) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, m); err != nil {
		t.Fatal(err)
	}
	im, err := vips.Load("pngload_source", buf.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if how.Components == nil {
		how.Components = make([]vips.Component, im.Bands())
		for i := range how.Components {
			how.Components[i] = vips.Component{H: 1, V: 1}
		}
	}
	for i := range how.Tables[0] {
		how.Tables[0][i] = uint16(2 + i/8)
	}
	return written(t, func(fd int) error { return im.SaveJPEG(fd, 1<<30, how) })
}

// pixels are those of an image, as PNG tells them.
func pixels(t *testing.T, im *vips.Image) image.Image {
	t.Helper()
	data := written(t, func(fd int) error {
		return im.Save("pngsave_target", fd, 1<<30, vips.Options{"compression": 1})
	})
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// distance is how far the channels of two images are apart, at most and on
// average, in steps of 255.
func distance(t *testing.T, a, b image.Image) (most int, mean float64) {
	t.Helper()
	if a.Bounds() != b.Bounds() {
		t.Fatalf("%v and %v", a.Bounds(), b.Bounds())
	}
	r, sum := a.Bounds(), 0
	for y := range r.Dy() {
		for x := range r.Dx() {
			ar, ag, ab, _ := a.At(x, y).RGBA()
			br, bg, bb, _ := b.At(x, y).RGBA()
			for _, d := range []int{int(ar>>8) - int(br>>8), int(ag>>8) - int(bg>>8), int(ab>>8) - int(bb>>8)} {
				most, sum = max(most, d, -d), sum+max(d, -d)
			}
		}
	}
	return most, float64(sum) / float64(3*r.Dx()*r.Dy())
}

func components(h, v uint8) []vips.Component {
	return []vips.Component{{H: h, V: v}, {H: 1, V: 1}, {H: 1, V: 1}}
}

func grey(m image.Image) image.Image {
	g := image.NewGray(m.Bounds())
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			g.Set(x, y, m.At(x, y))
		}
	}
	return g
}

var sequential = vips.Options{"access": "sequential", "fail_on": "error"}

func TestLoadJPEGMakesThePixelsThatLibvipsMakes(t *testing.T) {
	ways := map[string]vips.JPEG{
		"4:4:4":       {Components: components(1, 1)},
		"4:2:2":       {Components: components(2, 1)},
		"4:2:0":       {Components: components(2, 2)},
		"4:4:0":       {Components: components(1, 2)},
		"4:1:1":       {Components: components(4, 1)},
		"rgb":         {RGB: true},
		"progressive": {Components: components(2, 2), Progressive: true},
		"restart":     {Components: components(2, 2), Restart: 3},
	}
	files := map[string][]byte{"grey": encode(t, grey(scene()), vips.JPEG{})}
	for name, how := range ways {
		files[name] = encode(t, scene(), how)
	}
	for name, data := range files {
		for _, shrink := range []int{1, 2, 4, 8} {
			options := vips.Options{"access": "sequential", "fail_on": "error", "shrink": shrink}
			ours, err := vips.LoadJPEG(data, upTo(len(data)), options)
			if err != nil {
				t.Fatal(name, err)
			}
			theirs, err := vips.Load("jpegload_source", data, options)
			if err != nil {
				t.Fatal(name, err)
			}
			most, mean := distance(t, pixels(t, ours), pixels(t, theirs))
			if most > 2 || mean > 0.1 {
				t.Errorf("%s, shrink %d: at most %d apart, %.3f on average", name, shrink, most, mean)
			}
			if read := ours.Read(); read < len(data)-2 {
				t.Errorf("%s, shrink %d: %d of %d bytes were read", name, shrink, read, len(data))
			}
			ours.Close()
			theirs.Close()
		}
	}
}

func TestLoadJPEGMakesThePixelsThatGoMakes(t *testing.T) {
	for name, m := range map[string]image.Image{"colours": scene(), "grey": grey(scene())} {
		data := encode(t, m, vips.JPEG{})
		im, err := vips.LoadJPEG(data, upTo(len(data)), sequential)
		if err != nil {
			t.Fatal(err)
		}
		defer im.Close()
		want, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if most, mean := distance(t, pixels(t, im), want); most > 3 || mean > 0.6 {
			t.Errorf("%s: at most %d apart, %.3f on average", name, most, mean)
		}
	}
}

func TestLoadJPEGKeepsWhatTheHeaderSays(t *testing.T) {
	exif := "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
	data := encode(t, scene(), vips.JPEG{Segments: []byte(exif)})
	im, err := vips.LoadJPEG(data, upTo(len(data)), sequential)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if o, _ := im.Int("orientation"); o != 6 {
		t.Errorf("orientation %d", o)
	}
	if im.Interpretation() != "srgb" {
		t.Error(im.Interpretation())
	}
}

func TestLoadJPEGFailsWhereDataEndsOrIsDamaged(t *testing.T) {
	whole := encode(t, scene(), vips.JPEG{Components: components(2, 2)})
	for at := range 41 {
		cut := whole[:len(whole)*(at+10)/50]
		im, err := vips.LoadJPEG(cut, upTo(len(cut)), sequential)
		if err != nil {
			t.Fatalf("%d of %d bytes: %v", len(cut), len(whole), err)
		}
		err = im.Drain()
		im.Close()
		if (err == nil) != (len(cut) == len(whole)) {
			t.Errorf("%d of %d bytes: %v", len(cut), len(whole), err)
		}
		vips.Forget()
	}
	damaged := append(bytes.Clone(whole[:len(whole)/2]), whole[len(whole)*3/4:]...)
	im, err := vips.LoadJPEG(damaged, upTo(len(damaged)), sequential)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := im.Drain(); err == nil && len(vips.Warnings()) == 0 {
		t.Error("damage is not told")
	}
}

func TestLoadJPEGStopsAtWhatFailed(t *testing.T) {
	whole := encode(t, scene(), vips.JPEG{})
	im, err := vips.LoadJPEG(whole[:len(whole)/2], upTo(len(whole)/2), sequential)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	for range 3 {
		if err := im.Drain(); err == nil || strings.Contains(err.Error(), "order") {
			t.Errorf("error %v", err)
		}
	}
}

func TestReadOnReadsWhatIsLeft(t *testing.T) {
	whole := encode(t, scene(), vips.JPEG{Components: components(2, 2)})
	for name, data := range map[string][]byte{"whole": whole, "cut": whole[:len(whole)*9/10]} {
		for _, height := range []int{0, 1, 100} {
			im, err := vips.LoadJPEG(data, upTo(len(data)), sequential)
			if err != nil {
				t.Fatal(err)
			}
			if height > 0 {
				top, err := im.Call("crop", vips.Options{"left": 0, "top": 0, "width": im.Width(), "height": height})
				if err != nil {
					t.Fatal(err)
				}
				if err := top.Drain(); err != nil {
					t.Fatal(err)
				}
				top.Close()
			}
			if early := im.Read(); early > len(whole)*8/10 {
				t.Errorf("%s: %d bytes were read for %d rows", name, early, height)
			}
			err = im.ReadOn()
			if (err == nil) != (name == "whole") || err == nil && im.Read() < len(data)-2 {
				t.Errorf("%s, after %d rows: %d of %d bytes were read; %v", name, height, im.Read(), len(data), err)
			}
			im.Close()
			vips.Forget()
		}
	}
}
