// Package coeff alters JPEGs without decoding their pixels: colours and
// directions are changed in the coefficients of the cosine transform, which are
// read and written row by row. It understands what cameras and encoders write:
// 8 bits, Huffman codes, one component or luma and chroma, luma sampled once or
// twice as densely each way. Anything else, and anything broken, is ErrStrange,
// and somebody else's to judge.
//
//	image, err := coeff.Open(data)
//	err = image.Write(fd, limit, coeff.Order{Region: image.Whole(), Colours: coeff.Same()})
//
// The mathematics is in docs/coefficient-lane.md, how the C code keeps within its
// bounds at the head of each of its files.
package coeff

import "errors"

// Errors of an image or an order.
var (
	ErrStrange = errors.New("coeff: not an image or an order for this lane")
	ErrLimit   = errors.New("coeff: the result is over the limit")
	ErrMemory  = errors.New("coeff: out of memory")
)

// Image is a JPEG whose header has been read.
type Image struct {
	Width, Height int // pixels
	Components    int // 1: grey, 3: luma and chroma
	H, V          int // how many times as dense as chroma luma is sampled across and down, 1 or 2
	Progressive   bool
	Restart       int // units between restart markers, 0 for none

	data []byte
}

// Unit is the size of a minimal coded unit, on whose borders images can be cut.
func (i *Image) Unit() (width, height int) { return 8 * i.H, 8 * i.V }

// Whole is all of the image.
func (i *Image) Whole() Region { return Region{Width: i.Width, Height: i.Height} }

// Region is a part of the source, in its pixels.
type Region struct{ Left, Top, Width, Height int }

// Turn is one of the eight ways to lay an image: first transposed (the left
// column becomes the top row) or not, then mirrored.
type Turn struct {
	Transpose bool
	Flop      bool // left and right trade places
	Flip      bool // top and bottom trade places
}

// Colours is what becomes of luma and chroma:
//
//	Y'  = Luma[0] Y + Luma[1] Cb + Luma[2] Cr + Add
//	Cb' = Chroma[0][0] Cb + Chroma[0][1] Cr
//	Cr' = Chroma[1][0] Cb + Chroma[1][1] Cr
//
// in values of 0 to 255, all with 128 taken off before and put back afterwards.
// Chroma that depends on luma cannot be had, since there is less of it.
type Colours struct {
	Luma   [3]float64
	Chroma [2][2]float64
	Add    float64
	Grey   bool // only luma is written
	Stops  *RGB // nil: it makes no difference when colours are stopped at 0 and 255
}

// RGB is the same map for red, green and blue of 0 to 255. It is for maps that
// come out differently when colours beyond that, which blocks may hold, are
// stopped before and after: blocks that hold some are altered as pixels.
type RGB struct {
	Rows [3][3]float64
	Add  [3]float64
}

// Same leaves colours as they are.
func Same() Colours {
	return Colours{Luma: [3]float64{1, 0, 0}, Chroma: [2][2]float64{{1, 0}, {0, 1}}}
}

// Table is a quantisation table, in zigzag order.
type Table [64]uint16

// Order is what is wanted of an image.
type Order struct {
	Region  Region // begins on borders of units, see Fits
	Turn    Turn   // of the region
	Colours Colours
	Tables  *[2]Table // of luma and of chroma; nil: the source's
	Head    []byte    // segments behind the result's first marker: JFIF, metadata
	Restart int       // units between the result's restart markers, 0 for none
	Optimal bool      // Huffman codes made for the image, not those of annex K
}
