// Package imagehead judges an image by its first bytes: what format it is and
// how large, before anything is decoded and without trusting a file name or a
// Content-Type.
//
//	h, head, err := imagehead.Peek(body)
//	if err == nil {
//		err = h.Check(imagehead.Limits{Pixels: 100_000_000})
//	}
//	body = io.MultiReader(bytes.NewReader(head), body)
//
// It reads untrusted bytes in a process that has something to lose, so every
// parser is bounded by the bytes it is given and none follows a number into
// memory that is not there.
package imagehead

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"minilab/internal/fault"
)

// Size is how much of an image is looked at, in bytes.
const Size = 256 << 10

// Faults of an image that can be told from its head.
var (
	ErrNotImage      = fault.New(fault.Unsupported, "not-an-image", "this is not an image that is read here")
	ErrBroken        = fault.New(fault.Unprocessable, "broken-image", "the image is damaged")
	ErrTooManyPixels = fault.New(fault.TooLarge, "too-many-pixels", "the image has too many pixels")
)

// What is taken at most, however few the pixels are: decoders have work and
// memory to spend on each row, each column and each frame.
const (
	MaxSide   = 1_000_000
	MaxFrames = 10_000
)

// maxSide is the largest width or height that any decoder here takes.
const maxSide = math.MaxInt32

// Header is what an image's head says.
type Header struct {
	Format      string // jpeg, png, gif, webp, tiff or avif
	ContentType string
	Width       int // of the first frame or page
	Height      int
	Frames      int   // frames or pages; 0: the head does not say
	Pixels      int64 // of all frames and pages that the head tells of
	Complete    bool  // false: the sizes lie behind the head, and whoever decodes has to judge them
}

// errMore says that a parser came to the end of what it was given.
var errMore = errors.New("the head ends here")

// format is one kind of image. A parser fills in what it finds, in order, and
// stops with errMore where the bytes end.
type format struct {
	name  string
	is    func(b []byte) bool
	parse func(b []byte, h *Header) error
}

var formats = []format{
	{"jpeg", hasPrefix("\xff\xd8\xff"), parseJPEG},
	{"png", hasPrefix(pngSignature), parsePNG},
	{"webp", isWebP, parseWebP},
	{"gif", isGIF, parseGIF},
	{"tiff", isTIFF, parseTIFF},
	{"avif", isAVIF, parseAVIF},
}

// labels are the formats' names for people.
var labels = map[string]string{
	"jpeg": "JPEG", "png": "PNG", "webp": "WebP", "gif": "GIF", "tiff": "TIFF", "avif": "AVIF",
}

// longestMagic is how many bytes the longest signature has.
const longestMagic = 16

// Read judges an image by its first Size bytes, or by all of them when it has
// fewer: an image that ends within its own head is ErrBroken, while one whose
// sizes lie behind the first Size bytes is not Complete. Anything that is not
// one of the formats is ErrNotImage.
func Read(head []byte) (Header, error) {
	h, err := parse(head)
	switch {
	case !errors.Is(err, errMore):
		return h, err
	case len(head) < Size:
		return Header{}, ErrBroken.Detailf("the %s ends within its header, after %d bytes", label(h.Format), len(head))
	}
	return h, nil
}

// parse is Read as far as the bytes go; behind them it is errMore beside what
// was found.
func parse(head []byte) (Header, error) {
	if brandsCut(head) {
		return Header{}, errMore
	}
	f, ok := find(head)
	if !ok {
		return Header{}, ErrNotImage.Detailf("%s", whatItIs(head))
	}
	h := Header{Format: f.name, ContentType: "image/" + f.name}
	err := f.parse(head[:min(len(head), Size)], &h)
	if err != nil && !errors.Is(err, errMore) {
		return Header{}, err
	}
	return settle(h), err
}

// settle draws the conclusions from what was found.
func settle(h Header) Header {
	h.Complete = h.Width > 0 && h.Height > 0
	if h.Complete && h.Pixels == 0 {
		h.Pixels = times(int64(h.Width)*int64(h.Height), int64(max(h.Frames, 1)))
	}
	return h
}

func find(b []byte) (format, bool) {
	for _, f := range formats {
		if f.is(b) {
			return f, true
		}
	}
	return format{}, false
}

// setSize takes the sizes over, or is ErrBroken for those no image has.
func (h *Header) setSize(width, height uint64) error {
	if width == 0 || height == 0 || width > maxSide || height > maxSide {
		return h.broken("its header says %d × %d pixels", width, height)
	}
	h.Width, h.Height = int(width), int(height)
	return nil
}

func (h *Header) broken(format string, args ...any) error {
	return ErrBroken.Detailf("this is no whole "+label(h.Format)+": "+format, args...)
}

// Limits are what an image may have. Zero frames or pages are MaxFrames.
type Limits struct {
	Pixels int64 // of all frames and pages together
	Frames int   // of an animation
	Pages  int   // of a document
}

// Check is ErrTooManyPixels for an image over a limit, and for one with a side
// over MaxSide. What is not Complete passes: it is still to be judged.
func (h Header) Check(l Limits) error {
	most, what := l.Frames, "frames"
	if h.Format == "tiff" {
		most, what = l.Pages, "pages"
	}
	if most == 0 {
		most = MaxFrames
	}
	switch {
	case h.Width > MaxSide || h.Height > MaxSide:
		return ErrTooManyPixels.Detailf("the image has %d × %d pixels; at most %d are taken on a side", h.Width, h.Height, MaxSide)
	case h.Frames > most:
		return ErrTooManyPixels.Detailf("the image has %d %s; at most %d are taken", h.Frames, what, most)
	case h.Pixels <= l.Pixels:
		return nil
	}
	frames := ""
	if h.Frames > 1 {
		frames = fmt.Sprintf("%d %s, the first of ", h.Frames, what)
	}
	return ErrTooManyPixels.Detailf("the image has %s%d × %d pixels, %d in all; at most %d are taken",
		frames, h.Width, h.Height, h.Pixels, l.Pixels)
}

// Labels names the formats that are read, for people.
func Labels() []string {
	out := make([]string, len(formats))
	for i, f := range formats {
		out[i] = labels[f.name]
	}
	return out
}

func label(name string) string {
	if l, ok := labels[name]; ok {
		return l
	}
	return "image"
}

func hasPrefix(magic string) func([]byte) bool {
	return func(b []byte) bool { return strings.HasPrefix(string(b[:min(len(b), len(magic))]), magic) }
}

// times multiplies without overflow.
func times(a, b int64) int64 {
	if a > 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}
