package coeff

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"minilab/internal/coeff/coefftest"
)

// operation is an affine map of red, green and blue, 0 to 255.
type operation struct {
	name string
	rows [3][3]float64
	add  float64
	grey bool

	commutes bool // with keeping colours from 0 to 255
}

var operations = []operation{
	{name: "swap:bgr", rows: [3][3]float64{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}, commutes: true},
	{name: "swap:rbg", rows: [3][3]float64{{1, 0, 0}, {0, 0, 1}, {0, 1, 0}}, commutes: true},
	{name: "swap:grb", rows: [3][3]float64{{0, 1, 0}, {1, 0, 0}, {0, 0, 1}}, commutes: true},
	{name: "swap:gbr", rows: [3][3]float64{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}}, commutes: true},
	{name: "swap:brg", rows: [3][3]float64{{0, 0, 1}, {1, 0, 0}, {0, 1, 0}}, commutes: true},
	{name: "grayscale", rows: saturated(0), grey: true},
	{name: "invert", rows: [3][3]float64{{-1, 0, 0}, {0, -1, 0}, {0, 0, -1}}, add: 255, commutes: true},
	{name: "saturation:0.5", rows: saturated(0.5)},
	{name: "brightness:-0.1/contrast:0.8", rows: [3][3]float64{{0.8, 0, 0}, {0, 0.8, 0}, {0, 0, 0.8}}, add: 5.1},
	{name: "saturation:1.8", rows: saturated(1.8)},
	{name: "contrast:1.5", rows: [3][3]float64{{1.5, 0, 0}, {0, 1.5, 0}, {0, 0, 1.5}}, add: 127.5 * -0.5},
	{name: "brightness:0.2", rows: [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, add: 51},
	{name: "contrast:0.7", rows: [3][3]float64{{0.7, 0, 0}, {0, 0.7, 0}, {0, 0, 0.7}}, add: 127.5 * 0.3},
}

func named(name string) operation {
	return operations[slices.IndexFunc(operations, func(o operation) bool { return o.name == name })]
}

func saturated(by float64) (rows [3][3]float64) {
	for i := range rows {
		rows[i] = [3]float64{0.2126 * (1 - by), 0.7152 * (1 - by), 0.0722 * (1 - by)}
		rows[i][i] += by
	}
	return rows
}

func (o operation) of(colour [3]float64) (out [3]float64) {
	for i, row := range o.rows {
		out[i] = row[0]*colour[0] + row[1]*colour[1] + row[2]*colour[2] + o.add
	}
	return out
}

// toRGB and toYCC are ITU-T T.871, section 7.
func toRGB(c [3]float64) [3]float64 {
	y, cb, cr := c[0], c[1]-128, c[2]-128
	return [3]float64{y + 1.402*cr, y - 0.114*1.772/0.587*cb - 0.299*1.402/0.587*cr, y + 1.772*cb}
}

func toYCC(c [3]float64) [3]float64 {
	y := 0.299*c[0] + 0.587*c[1] + 0.114*c[2]
	return [3]float64{y, (c[2]-y)/1.772 + 128, (c[0]-y)/1.402 + 128}
}

// colours are found by trying: what becomes of grey, and of a step of each component.
func (o operation) colours() Colours {
	of := func(y, cb, cr float64) [3]float64 { return toYCC(o.of(toRGB([3]float64{y, cb, cr}))) }
	grey := of(128, 128, 128)
	c := Colours{Add: grey[0] - 128, Grey: o.grey}
	for i, got := range [][3]float64{of(129, 128, 128), of(128, 129, 128), of(128, 128, 129)} {
		c.Luma[i] = got[0] - grey[0]
		if i > 0 {
			c.Chroma[0][i-1], c.Chroma[1][i-1] = got[1]-grey[1], got[2]-grey[2]
		}
	}
	if !o.commutes {
		c.Stops = &RGB{Rows: o.rows, Add: [3]float64{o.add, o.add, o.add}}
	}
	return c
}

// ideal is the operation on decoded pixels, whose results are stopped at 0 and 255.
func (o operation) ideal(pixels []float64) []float64 {
	var out []float64
	for i := 0; i < len(pixels); i += 3 {
		got := o.of([3]float64(pixels[i:]))
		if o.grey {
			out = append(out, got[0])
			continue
		}
		for _, v := range got {
			out = append(out, within(v))
		}
	}
	return out
}

// byPixels is the way through pixels, to the same tables and sampling.
func (o operation) byPixels(t *testing.T, decoded []float64, kind coefftest.Kind) []byte {
	if o.grey {
		kind = kind.Grey()
	}
	var pixels []byte
	for _, v := range o.ideal(decoded) {
		pixels = append(pixels, byte(math.Round(within(v))))
	}
	return coefftest.Encode(t, pixels, kind)
}

func floats(pixels []byte) (out []float64) {
	for _, v := range pixels {
		out = append(out, float64(v))
	}
	return out
}

// psnr is in dB.
func psnr(got, want []float64) float64 {
	sum := 0.0
	for i, w := range want {
		sum += (got[i] - w) * (got[i] - w)
	}
	return 10 * math.Log10(255*255*float64(len(want))/sum)
}

// TestNoWorseThanPixels: beside what the operation would ideally make of the decoded
// source, the lane is at most 0.2 dB worse than decoding to pixels and encoding
// again, with the source's tables and sampling. What is compared is decoded without
// rounding, which would say more about the decoder.
func TestNoWorseThanPixels(t *testing.T) {
	for _, p := range pictures(t) {
		for _, s := range samplings {
			t.Run(fmt.Sprintf("%s %dx%d", p.name, s[0], s[1]), func(t *testing.T) {
				for _, quality := range []int{50, 75, 90, 98} {
					noWorse(t, p, coefftest.Encode(t, p.pixels, p.kind(s[0], s[1], quality)), quality)
				}
			})
		}
	}
}

func noWorse(t *testing.T, p picture, source []byte, quality int) {
	image, kind, exact := opened(t, source), coefftest.Of(t, source), decoded(t, source)
	pixels := floats(coefftest.Pixels(t, source))
	for _, o := range operations {
		result, err := same(t, image, Order{Region: image.Whole(), Colours: o.colours()})
		if p.ycc && o.commutes {
			if !errors.Is(err, ErrStrange) {
				t.Errorf("quality %d, %s: %v, want it refused", quality, o.name, err)
			}
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		ideal := o.ideal(exact)
		lane := psnr(decoded(t, result), ideal)
		other := psnr(decoded(t, o.byPixels(t, pixels, kind)), ideal)
		if lane < other-0.2 {
			t.Errorf("quality %d, %s: %.2f dB, but %.2f by pixels", quality, o.name, lane, other)
		}
	}
}
