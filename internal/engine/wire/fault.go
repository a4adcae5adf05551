package wire

import (
	"unicode"

	"minilab/internal/fault"
)

// Faults of the image, found by the engine process. Package engine gives them
// to its callers under the same names.
var (
	ErrNotImage       = fault.New(fault.Unsupported, "not-an-image", "this is not an image in a format that is read here")
	ErrBroken         = fault.New(fault.Unprocessable, "broken-image", "the image is broken or cut off")
	ErrTooManyPixels  = fault.New(fault.TooLarge, "too-many-pixels", "the image has more pixels than allowed")
	ErrOutputTooLarge = fault.New(fault.TooLarge, "output-too-large", "the result would be larger than allowed")
	ErrAnimation      = fault.New(fault.Unprocessable, "unsupported-animation", "the image moves in a way that is not kept here")
	ErrColour         = fault.New(fault.Unprocessable, "unsupported-colour", "the image has colours that are not kept here")
	ErrNoPage         = fault.New(fault.Unprocessable, "no-such-page", "the image has no page of that number")
	ErrOperation      = fault.New(fault.Unprocessable, "operation-impossible", "an operation cannot be done on this image")
	ErrMemory         = fault.New(fault.Unprocessable, "decoder-memory", "the image needed more memory than allowed")
)

// faults are all that an engine process may send.
var faults = []*fault.Fault{
	ErrNotImage, ErrBroken, ErrTooManyPixels, ErrOutputTooLarge, ErrAnimation, ErrColour, ErrNoPage, ErrOperation, ErrMemory, fault.ErrInternal,
}

// maxDetail is the longest sentence that is taken from an engine process.
const maxDetail = 300

// FaultOf is what an engine process sends about err.
func FaultOf(err error) *Fault {
	f := fault.From(err)
	return &Fault{Code: f.Code, Detail: f.Error()}
}

// Err is the fault that an engine process sent; ok is false when it is none
// that one may send. A defect of the process comes as fault.ErrInternal.
func (f *Fault) Err() (err *fault.Fault, ok bool) {
	for _, known := range faults {
		if f.Code == known.Code {
			return known.Detailf("%s", printable(f.Detail)), true
		}
	}
	return nil, false
}

func printable(s string) string {
	out := make([]rune, 0, min(len(s), maxDetail))
	for _, r := range s {
		if len(out) == maxDetail {
			break
		}
		if !unicode.IsControl(r) {
			out = append(out, r)
		}
	}
	return string(out)
}
