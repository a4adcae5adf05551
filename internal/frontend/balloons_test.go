package frontend_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"testing"
)

// balloon is one of the picture below; its sizes are parts of the height.
type balloon struct {
	x, y, r float64
	colour  color.NRGBA
}

var sky = []balloon{
	{0.34, 0.42, 0.235, color.NRGBA{226, 52, 48, 255}},
	{0.83, 0.30, 0.165, color.NRGBA{250, 176, 36, 255}},
	{1.17, 0.52, 0.205, color.NRGBA{48, 160, 92, 255}},
	{0.66, 0.66, 0.110, color.NRGBA{240, 104, 52, 255}},
	{1.36, 0.20, 0.085, color.NRGBA{214, 64, 110, 255}},
}

// balloons draws a colourful picture: balloons over hills at dawn.
func balloons(t *testing.T) []byte {
	t.Helper()
	const width, height = 1200, 800
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetNRGBA(x, y, at(float64(x)/height, float64(y)/height))
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func at(x, y float64) color.NRGBA {
	c := mix(color.NRGBA{96, 168, 226, 255}, color.NRGBA{253, 226, 190, 255}, y/0.85)
	for i, hill := range []color.NRGBA{{150, 176, 168, 255}, {92, 140, 96, 255}, {52, 96, 62, 255}} {
		ridge := 0.74 + 0.085*float64(i) + 0.03*math.Sin(x*(4.1-float64(i))+float64(i)*2.3)
		c = mix(c, hill, (y-ridge)*height800)
	}
	for _, b := range sky {
		c = b.over(c, x, y)
	}
	return c
}

// height800 makes an edge as soft as a pixel.
const height800 = 800

// over paints the balloon, its gores and its basket on what is behind.
func (b balloon) over(c color.NRGBA, x, y float64) color.NRGBA {
	dx, dy := (x-b.x)/b.r, (y-b.y)/b.r
	if dy > 0 {
		dx /= 1 - 0.42*dy*dy*min(1, 1/dy) // narrower below
		dy /= 1.22
	}
	inside := (1 - math.Hypot(dx, dy)) * b.r * height800
	gore := math.Sin(math.Asin(max(-1, min(1, dx/math.Sqrt(max(1e-6, 1-dy*dy)))))*6) > 0
	fill := b.colour
	if gore {
		fill = mix(fill, color.NRGBA{255, 244, 226, 255}, 0.72)
	}
	fill = mix(fill, color.NRGBA{255, 255, 255, 255}, 0.35*max(0, -0.5*dx-0.6*dy))
	fill = mix(fill, color.NRGBA{40, 20, 60, 255}, 0.35*max(0, 0.5*dx+0.5*dy))
	c = mix(c, fill, inside)
	basket := min(0.1-math.Abs(x-b.x)/b.r, 0.11-math.Abs((y-b.y)/b.r-1.5)) * b.r * height800
	return mix(c, color.NRGBA{112, 72, 40, 255}, basket)
}

func mix(a, b color.NRGBA, part float64) color.NRGBA {
	part = max(0, min(1, part))
	one := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*part)) }
	return color.NRGBA{one(a.R, b.R), one(a.G, b.G), one(a.B, b.B), 255}
}
