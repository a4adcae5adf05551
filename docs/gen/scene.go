package main

import (
	"image"
	"image/color"
	"math"
)

// scene is a bay at sunset: slopes of colour, edges, ripples and a boat. The
// sun has gone down by so much of its height.
func scene(sunk float64) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.SetNRGBA(x, y, point(float64(x)/width, float64(y)/height, sunk))
		}
	}
	return m
}

type rgb [3]float64

func mix(a, b rgb, t float64) rgb {
	t = math.Min(math.Max(t, 0), 1)
	return rgb{a[0] + (b[0]-a[0])*t, a[1] + (b[1]-a[1])*t, a[2] + (b[2]-a[2])*t}
}

const horizon = 0.62

func point(u, v, sunk float64) color.NRGBA {
	c := sky(u, v, sunk)
	if v > horizon {
		c = sea(u, v, sunk)
	}
	if ridge := 0.46 + 0.09*math.Sin(5*u+1) + 0.03*math.Sin(17*u) + 0.012*math.Sin(41*u); v > ridge && v <= horizon {
		c = mix(rgb{0.16, 0.20, 0.33}, rgb{0.36, 0.30, 0.42}, (v-ridge)*6)
	}
	if boat(u, v) {
		c = rgb{0.86, 0.24, 0.18}
	}
	if sail(u, v) {
		c = rgb{0.97, 0.95, 0.90}
	}
	return color.NRGBA{R: eight(c[0]), G: eight(c[1]), B: eight(c[2]), A: 255}
}

func eight(v float64) uint8 { return uint8(math.Round(255 * math.Min(math.Max(v, 0), 1))) }

func sky(u, v, sunk float64) rgb {
	c := mix(rgb{0.20, 0.36, 0.68}, rgb{0.98, 0.66, 0.38}, math.Pow(v/horizon, 1.4))
	d := math.Hypot((u-0.7)*width/height, v-0.25-sunk)
	c = mix(c, rgb{1, 0.88, 0.62}, 0.7*math.Exp(-d*d*18))
	return mix(rgb{1, 0.97, 0.80}, c, (d-0.075)*80)
}

func sea(u, v, sunk float64) rgb {
	depth := (v - horizon) / (1 - horizon)
	c := mix(sky(u, 2*horizon-v, sunk), rgb{0.05, 0.22, 0.34}, 0.35+0.5*depth)
	ripple := math.Sin(170*v*v+5*math.Sin(9*u)) * math.Sin(60*u+30*v)
	return mix(c, rgb{1, 0.92, 0.75}, 0.12*math.Max(ripple, 0))
}

func boat(u, v float64) bool {
	x, y := (u-0.32)*width/height, v-0.74
	return y > 0 && y < 0.05 && math.Abs(x) < 0.14-1.2*y
}

func sail(u, v float64) bool {
	x, y := (u-0.32)*width/height, 0.73-v
	return y > 0 && y < 0.26 && (x > 0.005 && x < 0.12*(1-y/0.26) || x < -0.005 && x > -0.07*(1-y/0.2))
}

// cutOut leaves a disc of the scene, its edge soft.
func cutOut(m *image.NRGBA) *image.NRGBA {
	for y := range height {
		for x := range width {
			d := math.Hypot(float64(x-width/2), float64(y-height/2))
			m.Pix[m.PixOffset(x, y)+3] = eight((108 - d) / 20)
		}
	}
	return m
}

// logo is an aperture: a ring of six blades.
func logo() image.Image {
	const side = 160
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			dx, dy := float64(x)-side/2+0.5, float64(y)-side/2+0.5
			d, angle := math.Hypot(dx, dy)/(side/2), math.Atan2(dy, dx)
			blade := math.Mod(angle+2*math.Pi+d*1.2, math.Pi/3) < math.Pi/3-0.12/math.Max(d, 0.1)
			if d < 0.97 && d > 0.3 && blade {
				m.SetNRGBA(x, y, color.NRGBA{R: 255, G: 255, B: 255, A: 255})
			}
		}
	}
	return m
}
