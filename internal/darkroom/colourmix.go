package darkroom

import (
	"math"
	"slices"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// brightnessRow makes a pixel's brightness of its channels.
var brightnessRow = [5]float64{vips.Weights[0], vips.Weights[1], vips.Weights[2]}

// mix makes each channel of a sheet with colours of all of them; see vips.Mix.
func (s *Sheet) mix(rows [][5]float64) {
	image, err := s.Mix(rows)
	s.set(s.tray.picture(image, err, s.picture()))
}

// matrix multiplies colours by rows of equal length: 3 factors, or 4 with
// alpha, which an image without has full everywhere.
func matrix(s *Sheet, step pipeline.Step) {
	s.coloured()
	if s.tray.err != nil {
		return
	}
	factors, n := step.Floats("coefficients"), 3
	if len(factors) == 16 {
		n = 4
		s.opaque()
	}
	rows := make([][5]float64, n)
	for i := range rows {
		copy(rows[i][:], factors[i*n:(i+1)*n])
	}
	s.mix(rows)
}

// opaque gives a sheet of colours without alpha one that is full.
func (s *Sheet) opaque() {
	if !s.HasAlpha() {
		s.set(s.picture().call("bandjoin_const", vips.Options{"c": []float64{s.full()}}).as(s.rgb()))
	}
}

// blended is so much of a matrix, and the rest of the one that changes nothing.
func blended(rows [3][3]float64, amount float64) [][5]float64 {
	out := make([][5]float64, 3)
	for r, row := range rows {
		for c, v := range row {
			out[r][c] = amount * v
		}
		out[r][r] += 1 - amount
	}
	return out
}

// sepia is the matrix of W3C's Filter Effects.
func sepia(s *Sheet, step pipeline.Step) {
	s.coloured()
	s.mix(blended([3][3]float64{
		{0.393, 0.769, 0.189},
		{0.349, 0.686, 0.168},
		{0.272, 0.534, 0.131},
	}, step.Float("amount")))
}

// bright makes each channel the pixel's brightness.
var bright = [3][3]float64{vips.Weights, vips.Weights, vips.Weights}

// saturation moves each channel away from the pixel's brightness.
func saturation(s *Sheet, step pipeline.Step) {
	if s.Bands() >= 3 {
		s.mix(blended(bright, 1-step.Float("amount")))
	}
}

// Matrix is what a step multiplies red, green and blue by. It is not ok for one
// that does anything else.
func Matrix(step pipeline.Step) (rows [3][3]float64, ok bool) {
	var mixed [][5]float64
	switch step.Op() {
	case "grayscale":
		return bright, true
	case "saturation":
		mixed = blended(bright, 1-step.Float("amount"))
	case "hue":
		mixed = hueRows(step.Float("angle"))
	default:
		return rows, false
	}
	for i, row := range mixed {
		rows[i] = [3]float64(row[:3])
	}
	return rows, true
}

// SparesGrey says that a step leaves grey images as they are.
func SparesGrey(step pipeline.Step) bool {
	return slices.Contains([]string{"swap", "grayscale", "saturation", "hue"}, step.Op())
}

// hue is the rotation of W3C's Filter Effects (feColorMatrix hueRotate), which
// keeps greys and, roughly, brightness.
func hue(s *Sheet, step pipeline.Step) {
	if s.Bands() < 3 {
		return
	}
	s.mix(hueRows(step.Float("angle")))
}

func hueRows(angle float64) [][5]float64 {
	sin, cos := math.Sincos(angle * math.Pi / 180)
	return [][5]float64{
		{0.213 + cos*0.787 - sin*0.213, 0.715 - cos*0.715 - sin*0.715, 0.072 - cos*0.072 + sin*0.928},
		{0.213 - cos*0.213 + sin*0.143, 0.715 + cos*0.285 + sin*0.140, 0.072 - cos*0.072 - sin*0.283},
		{0.213 - cos*0.213 - sin*0.787, 0.715 - cos*0.715 + sin*0.715, 0.072 + cos*0.928 + sin*0.072},
	}
}

// duotone goes from the dark colour to the light one as brightness goes from
// black to white.
func duotone(s *Sheet, step pipeline.Step) {
	s.coloured()
	dark, light := step.Colour("dark"), step.Colour("light")
	rows := make([][5]float64, 3)
	for r := range rows {
		from, to := float64(dark[r])/255, float64(light[r])/255
		for c, w := range vips.Weights {
			rows[r][c] = w * (to - from)
		}
		rows[r][4] = from
	}
	s.mix(rows)
}

// tint lays a colour over; see vips.Tint.
func tint(s *Sheet, step pipeline.Step) {
	s.coloured()
	if s.tray.err != nil {
		return
	}
	var share [3]float64
	colour := step.Colour("colour")
	for i := range share {
		share[i] = float64(colour[i]) / 255
	}
	image, err := s.Tint(share, step.Float("amount"))
	s.set(s.tray.picture(image, err, s.picture()))
}
