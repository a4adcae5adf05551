package develop_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/develop"
	"minilab/internal/imagehead"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

func TestMain(m *testing.M) {
	if err := vips.Init(); err != nil {
		panic(err)
	}
	m.Run()
}

// permutations are all orders of swap.
var permutations = []string{"rgb", "rbg", "grb", "gbr", "brg", "bgr"}

// scene is a picture with slopes, as codecs like them, and every channel different.
func scene(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{
				R: uint8(255 * x / w), G: uint8(255 * y / h), B: uint8(255 - 255*(x+y)/(w+h)), A: 255,
			})
		}
	}
	return m
}

// noise is a picture that no codec can guess, at 16 bits and with alpha.
func noise(w, h int) *image.NRGBA64 {
	random := rand.New(rand.NewPCG(1, 2))
	m := image.NewNRGBA64(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = uint8(random.Uint32())
	}
	m.SetNRGBA64(0, 0, color.NRGBA64{R: 1, G: 2, B: 3, A: 0}) // colour that cannot be seen
	return m
}

func opaque(m *image.NRGBA64) *image.NRGBA64 {
	for i := 6; i < len(m.Pix); i += 8 {
		m.Pix[i], m.Pix[i+1] = 0xff, 0xff
	}
	return m
}

func eightBit(m *image.NRGBA64) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	for i := range out.Pix {
		out.Pix[i] = m.Pix[2*i]
	}
	return out
}

// reference reorders an image's channels the slow way.
func reference(m image.Image, order string) *image.NRGBA64 {
	out := image.NewNRGBA64(m.Bounds())
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			c := straight(m.At(x, y))
			channel := map[byte]uint16{'r': c.R, 'g': c.G, 'b': c.B}
			out.SetNRGBA64(x, y, color.NRGBA64{R: channel[order[0]], G: channel[order[1]], B: channel[order[2]], A: c.A})
		}
	}
	return out
}

// straight is a colour that is not multiplied with alpha, where it was not
// before: the model of package color loses what cannot be seen.
func straight(c color.Color) color.NRGBA64 {
	switch c := c.(type) {
	case color.NRGBA64:
		return c
	case color.NRGBA:
		return color.NRGBA64{R: uint16(c.R) * 257, G: uint16(c.G) * 257, B: uint16(c.B) * 257, A: uint16(c.A) * 257}
	}
	return color.NRGBA64Model.Convert(c).(color.NRGBA64)
}

func mustEqual(tb testing.TB, got, want image.Image) {
	tb.Helper()
	if got.Bounds() != want.Bounds() {
		tb.Fatalf("bounds are %v, want %v", got.Bounds(), want.Bounds())
	}
	for y := want.Bounds().Min.Y; y < want.Bounds().Max.Y; y++ {
		for x := want.Bounds().Min.X; x < want.Bounds().Max.X; x++ {
			if g, w := straight(got.At(x, y)), straight(want.At(x, y)); g != w {
				tb.Fatalf("pixel %d,%d is %v, want %v", x, y, g, w)
			}
		}
	}
}

// psnr is the likeness of two images in decibels: 10 log10(1/MSE) over red,
// green and blue in 0..1. Equal images have none; 40 is hard to tell apart.
func psnr(tb testing.TB, a, b image.Image) float64 {
	tb.Helper()
	if a.Bounds() != b.Bounds() {
		tb.Fatalf("bounds are %v and %v", a.Bounds(), b.Bounds())
	}
	sum, n := 0.0, 0
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			p, q := straight(a.At(x, y)), straight(b.At(x, y))
			for _, d := range [3]float64{float64(p.R) - float64(q.R), float64(p.G) - float64(q.G), float64(p.B) - float64(q.B)} {
				sum += d * d / 65535 / 65535
				n++
			}
		}
	}
	return -10 * math.Log10(sum/float64(n))
}

func mustResemble(tb testing.TB, got, want image.Image, decibels float64) {
	tb.Helper()
	if p := psnr(tb, got, want); p < decibels {
		tb.Errorf("the image has %.1f dB, want at least %.1f", p, decibels)
	}
}

// try develops an image with generous limits.
func try(tb testing.TB, data []byte, text string) ([]byte, develop.Result, error) {
	tb.Helper()
	return tryWithin(tb, data, text, 1<<26, 1<<26)
}

func tryWithin(tb testing.TB, data []byte, text string, maxPixels, maxOutput int64) ([]byte, develop.Result, error) {
	tb.Helper()
	p, err := pipeline.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	fd := memfd(tb)
	result, err := develop.Develop(develop.Job{
		Input: data, Outputs: []develop.Target{{Pipeline: p, File: fd}},
		Limits: develop.Limits{MaxPixels: maxPixels, MaxFrames: imagehead.MaxFrames, MaxPages: imagehead.MaxFrames, MaxOutput: maxOutput},
	})
	return contents(tb, fd), result, err
}

func run(tb testing.TB, data []byte, text string) ([]byte, develop.Result) {
	tb.Helper()
	out, result, err := try(tb, data, text)
	if err != nil {
		tb.Fatal(err)
	}
	return out, result
}

func memfd(tb testing.TB) int {
	tb.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func contents(tb testing.TB, fd int) []byte {
	tb.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		tb.Fatal(err)
	}
	data := make([]byte, st.Size)
	if n, err := unix.Pread(fd, data, 0); err != nil || n != len(data) {
		tb.Fatal(n, err)
	}
	return data
}

func encodePNG(tb testing.TB, m image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func decodePNG(tb testing.TB, data []byte) image.Image {
	tb.Helper()
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// convert changes the format of an image with the library, for what Go's
// codecs cannot write or read.
func convert(tb testing.TB, data []byte, loader string, load vips.Options, saver string, save vips.Options) []byte {
	tb.Helper()
	m, err := vips.Load(loader, data, load)
	if err != nil {
		tb.Fatal(err)
	}
	defer m.Close()
	return saved(tb, m, saver, save)
}

func saved(tb testing.TB, m *vips.Image, saver string, options vips.Options) []byte {
	tb.Helper()
	fd := memfd(tb)
	if err := m.Save(saver, fd, 1<<26, options); err != nil {
		tb.Fatal(err)
	}
	return contents(tb, fd)
}

// fromPNG encodes an image with the library.
func fromPNG(tb testing.TB, m image.Image, saver string, options vips.Options) []byte {
	tb.Helper()
	return convert(tb, encodePNG(tb, m), "pngload_source", nil, saver, options)
}

// toPNG decodes an image with the library, all its pages one above the other.
func toPNG(tb testing.TB, data []byte, loader string, pages int) image.Image {
	tb.Helper()
	options := vips.Options{}
	if pages != 0 {
		options["n"] = pages
	}
	return decodePNG(tb, convert(tb, data, loader, options, "pngsave_target", vips.Options{"compression": 1}))
}
