package darkroom

import (
	"math"
)

// blurHash is the image's BlurHash with so many waves across and down, as
// github.com/woltapp/blurhash/blob/master/Algorithm.md has it. What is
// transparent is white.
func (m miniature) blurHash(across, down int) string {
	var waves []wave
	most := 0.0
	for y := range down {
		for x := range across {
			w := m.wave(x, y)
			if x+y > 0 {
				most = max(most, math.Abs(w[0]), math.Abs(w[1]), math.Abs(w[2]))
			}
			waves = append(waves, w)
		}
	}
	steps := int(min(max(math.Floor(most*166-0.5), 0), 82))
	out := base83(nil, across-1+(down-1)*9, 1)
	out = base83(out, steps, 1)
	out = base83(out, waves[0].mean(), 4)
	for _, w := range waves[1:] {
		out = base83(out, w.quantised(float64(steps+1)/166), 2)
	}
	return string(out)
}

// wave is how much of one there is in red, green and blue of linear light.
type wave [3]float64

func (m miniature) wave(x, y int) (w wave) {
	across, down := waves(m.width, x, 0), waves(m.height, y, 0)
	for c := range w {
		light := m.onWhite(c)
		for i, v := range light {
			light[i] = linear(v)
		}
		if w[c] = light.amplitude(across, down); x+y > 0 {
			w[c] *= 2
		}
	}
	return w
}

// mean is the colour of the wave that does not move, 8 bits a channel.
func (w wave) mean() (colour int) {
	for _, v := range w {
		colour = colour<<8 | int(coded(v)*255+0.5)
	}
	return colour
}

// quantised is the wave in 19 steps a channel, finer near none.
func (w wave) quantised(most float64) (steps int) {
	for _, v := range w {
		root := math.Copysign(math.Sqrt(math.Abs(v/most)), v)
		steps = steps*19 + int(min(max(math.Floor(root*9+9.5), 0), 18))
	}
	return steps
}

const digits83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"

// base83 appends a number in so many digits.
func base83(out []byte, number, digits int) []byte {
	for ; digits > 0; digits-- {
		out = append(out, digits83[number/int(math.Pow(83, float64(digits-1)))%83])
	}
	return out
}

// linear is the light of a value of sRGB (IEC 61966-2-1); coded is the value.
func linear(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func coded(light float64) float64 {
	light = min(max(light, 0), 1)
	if light <= 0.0031308 {
		return light * 12.92
	}
	return 1.055*math.Pow(light, 1/2.4) - 0.055
}
