package trials

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math/rand/v2"

	_ "image/gif" // registers its decoder

	_ "golang.org/x/image/tiff" // registers its decoder
	_ "golang.org/x/image/webp" // registers its decoder
)

// Picture is smooth, so that JPEG keeps it well, and different in each channel.
func Picture(w, h int) image.Image { return shaded(w, h, 0) }

// shaded differs with the seed, which must be visible after JPEG.
func shaded(w, h int, seed uint8) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{uint8(40 + 180*x/w), uint8(60+100*y/h) ^ seed, uint8(200 - 150*x/w), 255})
		}
	}
	return m
}

// mosaicStone is the side of a mosaic's stones in pixels: what JPEG codes as
// one, also where it has half the colour's pixels.
const mosaicStone = 16

// Mosaic has stones whose colours follow from the seed, so that no two of them
// are alike, not even after JPEG. No colour is near the end of its range.
func Mosaic(w, h int, seed uint64) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	rng := rand.New(rand.NewPCG(seed, 0))
	shade := func() uint8 { return uint8(50 + rng.IntN(150)) }
	for y := 0; y < h; y += mosaicStone {
		for x := 0; x < w; x += mosaicStone {
			stone := image.NewUniform(color.NRGBA{shade(), shade(), shade(), 255})
			draw.Draw(m, image.Rect(x, y, x+mosaicStone, y+mosaicStone), stone, image.Point{}, draw.Src)
		}
	}
	return m
}

// Noise is as large in a file as in memory.
func Noise(w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	_, _ = rand.NewChaCha8([32]byte{}).Read(m.Pix)
	return m
}

// JPEG is a picture as a file; another seed is another picture.
func JPEG(w, h int, seed uint8) []byte {
	var buf bytes.Buffer
	_ = jpeg.Encode(&buf, shaded(w, h, seed), &jpeg.Options{Quality: 90}) // a buffer takes everything
	return buf.Bytes()
}

// PNG is a picture as a file; another seed is another picture.
func PNG(w, h int, seed uint8) []byte {
	var buf bytes.Buffer
	_ = png.Encode(&buf, shaded(w, h, seed)) // a buffer takes everything
	return buf.Bytes()
}

// Swapped is an error unless both images are of one format and size and every
// pixel of after is that of before with red and blue in each other's place, on
// the average at most tolerance (of 255) away.
func Swapped(before, after []byte, tolerance float64) error {
	a, formatA, err := image.Decode(bytes.NewReader(before))
	if err != nil {
		return err
	}
	b, formatB, err := image.Decode(bytes.NewReader(after))
	if err != nil {
		return err
	}
	if formatA != formatB || a.Bounds() != b.Bounds() {
		return fmt.Errorf("%s %v became %s %v", formatA, a.Bounds(), formatB, b.Bounds())
	}
	if d := Distance(a, b); d > tolerance {
		return fmt.Errorf("the mean distance is %.3f", d)
	}
	return nil
}

// Distance is the mean difference of the channels, in 255ths, when a's red and
// blue trade places.
func Distance(a, b image.Image) float64 {
	if x, y := plain(a), plain(b); x != nil && y != nil && x.Rect == y.Rect {
		return plainDistance(x, y)
	}
	var sum, n float64
	r := a.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			p := color.NRGBA64Model.Convert(a.At(x, y)).(color.NRGBA64)
			q := color.NRGBA64Model.Convert(b.At(x, y)).(color.NRGBA64)
			for _, d := range []int{int(p.R) - int(q.B), int(p.G) - int(q.G), int(p.B) - int(q.R), int(p.A) - int(q.A)} {
				sum += float64(max(d, -d)) / 257
				n++
			}
		}
	}
	return sum / n
}

// plain is an opaque image of 8 bits a channel as the bytes of its pixels, which
// are compared much faster; nil for any other.
func plain(m image.Image) *image.RGBA {
	switch m.ColorModel() {
	case color.YCbCrModel, color.NRGBAModel, color.RGBAModel:
	default:
		return nil
	}
	if o, ok := m.(interface{ Opaque() bool }); !ok || !o.Opaque() {
		return nil
	}
	if m, ok := m.(*image.NRGBA); ok && m.Stride == 4*m.Rect.Dx() {
		return &image.RGBA{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect} // without transparency it is the same
	}
	p := image.NewRGBA(m.Bounds())
	draw.Draw(p, p.Rect, m, m.Bounds().Min, draw.Src)
	return p
}

func plainDistance(a, b *image.RGBA) float64 {
	sum := 0
	for i := 0; i+4 <= len(a.Pix); i += 4 {
		p, q := a.Pix[i:i+4:i+4], b.Pix[i:i+4:i+4]
		for _, d := range [...]int{int(p[0]) - int(q[2]), int(p[1]) - int(q[1]), int(p[2]) - int(q[0])} {
			sum += max(d, -d)
		}
	}
	return float64(sum) / float64(len(a.Pix))
}
