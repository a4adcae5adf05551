package corpus

import (
	"image"
	"image/color"
	"math"
)

// The size of most pictures: odd, and no multiple of a block.
const (
	width  = 61
	height = 43
)

// paint makes a picture of straight colours, each channel from 0 to 1.
func paint(w, h int, at func(x, y float64) (r, g, b, a float64)) *image.NRGBA64 {
	m := image.NewNRGBA64(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			r, g, b, a := at(float64(x)/float64(w-1), float64(y)/float64(h-1))
			m.SetNRGBA64(x, y, color.NRGBA64{R: word(r), G: word(g), B: word(b), A: word(a)})
		}
	}
	return m
}

func word(v float64) uint16 { return uint16(math.Round(65535 * min(max(v, 0), 1))) }

// slopes is a picture that codecs like. All its corners and channels differ, and
// none is near the end of its range.
func slopes(w, h int) *image.NRGBA64 {
	return paint(w, h, func(x, y float64) (r, g, b, a float64) {
		return 0.25 + 0.5*x, 0.3 + 0.4*y, 0.75 - 0.25*x - 0.25*y, 1
	})
}

// veiled is slopes behind an alpha that goes from nothing to all.
func veiled(w, h int) *image.NRGBA64 {
	return paint(w, h, func(x, y float64) (r, g, b, a float64) {
		return 0.25 + 0.5*x, 0.3 + 0.4*y, 0.75 - 0.25*x - 0.25*y, 1.2*y - 0.1
	})
}

// grey is a picture without colour.
func grey() *image.NRGBA64 {
	return paint(width, height, func(x, y float64) (r, g, b, a float64) {
		v := 0.2 + 0.4*x + 0.2*y
		return v, v, v, 1
	})
}

// levels rounds every channel to what so many bits can tell.
func levels(m *image.NRGBA64, bits int) *image.NRGBA64 {
	top := float64(int(1)<<bits - 1)
	return mapped(m, func(c [4]float64) [4]float64 {
		for i := range c {
			c[i] = math.Round(c[i]*top) / top
		}
		return c
	})
}

// mapped applies a function to every pixel: red, green, blue and alpha.
func mapped(m *image.NRGBA64, f func(c [4]float64) [4]float64) *image.NRGBA64 {
	out := image.NewNRGBA64(m.Rect)
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			c := f(channels(m.NRGBA64At(x, y)))
			out.SetNRGBA64(x, y, color.NRGBA64{R: word(c[0]), G: word(c[1]), B: word(c[2]), A: word(c[3])})
		}
	}
	return out
}

func channels(c color.NRGBA64) [4]float64 {
	return [4]float64{float64(c.R) / 65535, float64(c.G) / 65535, float64(c.B) / 65535, float64(c.A) / 65535}
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

// plain copies any image, from 0,0 on.
func plain(m image.Image) *image.NRGBA64 {
	b := m.Bounds()
	out := image.NewNRGBA64(image.Rectangle{Max: b.Size()})
	for y := range b.Dy() {
		for x := range b.Dx() {
			out.SetNRGBA64(x, y, straight(m.At(b.Min.X+x, b.Min.Y+y)))
		}
	}
	return out
}

// sampler gives a pixel's samples as the file has them.
type sampler func(x, y int) []uint16

// samples takes the given channels of a picture (0 to 3 for red to alpha) at a depth.
func samples(m *image.NRGBA64, bits int, take ...int) sampler {
	top := float64(int(1)<<bits - 1)
	return func(x, y int) []uint16 {
		c := channels(m.NRGBA64At(x, y))
		out := make([]uint16, len(take))
		for i, t := range take {
			out[i] = uint16(math.Round(c[t] * top))
		}
		return out
	}
}
