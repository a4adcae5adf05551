package corpus

import (
	"image"
	"math"
)

// Space is a colour space of an image's file.
type Space struct {
	Name   string
	gamma  float64        // 0 for the curve of sRGB
	linear *[3][3]float64 // to XYZ as lit by D50; nil for that of sRGB
}

// The spaces of the images. Print colours are seen as sRGB once they are pixels.
var (
	SRGB      = Space{Name: "sRGB"}
	DisplayP3 = Space{Name: "Display P3", linear: adapted([8]float64{0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290})}
	AdobeRGB  = Space{Name: "Adobe RGB (1998)", gamma: 563.0 / 256, linear: adapted([8]float64{0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290})}
	GreyGamma = Space{Name: "Grey, gamma 1.8", gamma: 461.0 / 256}
)

var srgbLinear = adapted([8]float64{0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290})

// IsSRGB says that colours are as they are seen.
func (s Space) IsSRGB() bool { return s.gamma == 0 && s.linear == nil }

// toSRGB is a colour of the space as sRGB, clipped.
func (s Space) toSRGB(c [4]float64) [4]float64 {
	return convert(c, s.decode, s.linear, srgbLinear, encodeSRGB)
}

// fromSRGB is the inverse of toSRGB within the space.
func (s Space) fromSRGB(c [4]float64) [4]float64 {
	return convert(c, decodeSRGB, srgbLinear, s.linear, s.encode)
}

func (s Space) encode(v float64) float64 {
	if s.gamma == 0 {
		return encodeSRGB(v)
	}
	return math.Pow(max(v, 0), 1/s.gamma)
}

func (s Space) decode(v float64) float64 {
	if s.gamma == 0 {
		return decodeSRGB(v)
	}
	return math.Pow(v, s.gamma)
}

func convert(c [4]float64, decode func(float64) float64, from, to *[3][3]float64, encode func(float64) float64) [4]float64 {
	v := [3]float64{decode(c[0]), decode(c[1]), decode(c[2])}
	if from == nil {
		from = srgbLinear
	}
	if to == nil {
		to = srgbLinear
	}
	if from != to {
		back := inverse(*to)
		v = times(back, times(*from, v))
	}
	for i, x := range v {
		c[i] = encode(min(max(x, 0), 1))
	}
	return c
}

// swap reorders the channels of the file's colours, given what is seen.
func (s Space) swap(m *image.NRGBA64, from [3]int) *image.NRGBA64 {
	return mapped(m, func(c [4]float64) [4]float64 {
		if s.IsSRGB() {
			return [4]float64{c[from[0]], c[from[1]], c[from[2]], c[3]}
		}
		f := s.fromSRGB(c)
		return s.toSRGB([4]float64{f[from[0]], f[from[1]], f[from[2]], f[3]})
	})
}

// decodeSRGB and encodeSRGB are the curve of IEC 61966-2-1.
func decodeSRGB(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func encodeSRGB(v float64) float64 {
	if v <= 0.0031308 {
		return 12.92 * v
	}
	return 1.055*math.Pow(v, 1/2.4) - 0.055
}

// The white of profiles (ICC.1, 7.2.16).
var d50 = [3]float64{0.9642, 1, 0.8249}

// adapted is the matrix of a space from linear colours to XYZ as lit by D50. It
// is given by x and y of red, green, blue and white, and adapted by Bradford's
// way (ICC.1, annex E).
func adapted(xy [8]float64) *[3][3]float64 {
	xyz := func(i int) [3]float64 { return [3]float64{xy[i] / xy[i+1], 1, (1 - xy[i] - xy[i+1]) / xy[i+1]} }
	var m [3][3]float64
	for i := range 3 {
		p := xyz(2 * i)
		for row := range 3 {
			m[row][i] = p[row]
		}
	}
	white := xyz(6)
	scale := times(inverse(m), white)
	bradford := [3][3]float64{{0.8951, 0.2664, -0.1614}, {-0.7502, 1.7135, 0.0367}, {0.0389, -0.0685, 1.0296}}
	before, after := times(bradford, white), times(bradford, d50)
	back := inverse(bradford)
	var out [3][3]float64
	for i := range 3 {
		cone := times(bradford, [3]float64{m[0][i] * scale[i], m[1][i] * scale[i], m[2][i] * scale[i]})
		for j := range 3 {
			cone[j] *= after[j] / before[j]
		}
		p := times(back, cone)
		for row := range 3 {
			out[row][i] = p[row]
		}
	}
	return &out
}

func times(m [3][3]float64, v [3]float64) (out [3]float64) {
	for i := range 3 {
		out[i] = m[i][0]*v[0] + m[i][1]*v[1] + m[i][2]*v[2]
	}
	return out
}

func inverse(m [3][3]float64) (out [3][3]float64) {
	det := 0.0
	for i := range 3 {
		det += m[0][i] * (m[1][(i+1)%3]*m[2][(i+2)%3] - m[1][(i+2)%3]*m[2][(i+1)%3])
	}
	for i := range 3 {
		for j := range 3 {
			a, b, c, d := (j+1)%3, (j+2)%3, (i+1)%3, (i+2)%3
			out[i][j] = (m[a][c]*m[b][d] - m[a][d]*m[b][c]) / det
		}
	}
	return out
}
