// Package corpus is a collection of images of every kind that people send, and
// knows the truth of each: what a viewer sees. It is for tests.
//
// Two kinds of images are in it: those that come with Go (PngSuite among them),
// and those that this package encodes by itself, bit by bit, from a picture that
// it has drawn before. So what is seen is known without any decoder.
//
// Its viewer (View) is as independent: Go's decoders, and a reader of
// containers, orientation and profiles of its own.
package corpus

import (
	"image"
	"time"
)

// Image is an image and its truth.
type Image struct {
	Name   string
	Format string // jpeg, png, gif, webp or tiff
	Data   []byte
	Frames []Frame // what a viewer sees, upright and in sRGB
	Within Tolerance

	// Near is for other decoders than Go's: those interpolate chroma, convert
	// print colours, and round in their own ways.
	Near Tolerance

	Orientation int   // as the file has it, 0 if it does not
	Space       Space // of the colours in the file
	Depth       int   // bits of a channel, as the file has them
	Alpha       bool
	Loop        int    // how often an animation is shown, 0 for ever
	Profile     []byte // as it is in the file
	Broken      bool   // the profile is, and may be left out
	Meta        Kinds  // what else is in the file
	Press       bool   // colours are for print, and come out as sRGB
	Blind       string // why this package's viewer cannot see it, if so
}

// Frame is one of an animation, or a page.
type Frame struct {
	Image *image.NRGBA64
	Delay time.Duration
}

// Tolerance is how far channels may be from the truth, in 255ths.
type Tolerance struct{ Mean, Max float64 }

// Tolerances: of what loses nothing, what is rounded to 8 bits on the way
// through a profile, and what has gone through JPEG.
var (
	Exact   = Tolerance{}
	Rounded = Tolerance{Mean: 1, Max: 3}
	Lossy   = Tolerance{Mean: 3, Max: 16}
	Guessed = Tolerance{Mean: 45, Max: 160} // print colours of an unknown press
)

// Bounds is the size of a frame as it is seen.
func (m *Image) Bounds() image.Point { return m.Frames[0].Image.Rect.Size() }

// Still makes the truth of an image of one frame.
func still(m *image.NRGBA64) []Frame { return []Frame{{Image: m}} }

// Swapped is what a viewer sees when the file's channels are reordered: order
// names the source of each of red, green and blue.
func (m *Image) Swapped(order string) []Frame {
	from := [3]int{index(order[0]), index(order[1]), index(order[2])}
	frames := make([]Frame, len(m.Frames))
	for i, f := range m.Frames {
		frames[i] = Frame{m.Space.swap(f.Image, from), f.Delay}
	}
	return frames
}

func index(channel byte) int {
	switch channel {
	case 'r':
		return 0
	case 'g':
		return 1
	}
	return 2
}

// All are the images of this package's own making. Those that come with Go are
// in Goroot.
func All() []*Image {
	var all []*Image
	for _, part := range [][]*Image{JPEGs(), PNGs(), GIFs(), WebPs(), TIFFs(), Oriented(), Profiled(), Traced()} {
		all = append(all, part...)
	}
	return all
}
