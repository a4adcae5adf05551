// Package darkroom runs the operations of a pipeline over an image. It knows
// pixels only; reading and writing files is package develop's business.
//
//	tray := darkroom.NewTray(limits)
//	defer tray.Close()
//	sheet := tray.Sheet(image, pages)
//	err := sheet.Apply(step)
//	sheet.Image // the result, computed when it is needed
//
// Between operations a sheet is always one of four kinds: grey or red, green
// and blue, of 8 or 16 bits, each with alpha (not premultiplied) or without.
// libvips is lazy, so most operations only set up what is computed when the
// result is written, row by row; those that look at an image as a whole settle
// it into memory first.
package darkroom

import (
	"fmt"

	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// Limits of what a pipeline may make.
type Limits struct {
	MaxPixels int64 // width x height x pages of any image on the way
}

// Tray holds all images that a job makes, until the job is done.
type Tray struct {
	Limits      Limits
	Attachments map[string]*vips.Image // further images that operations may ask for, by name
	images      []*vips.Image
	err         error // the first one; nothing is done after it
}

// NewTray makes an empty tray.
func NewTray(l Limits) *Tray { return &Tray{Limits: l} }

// Close releases all images.
func (t *Tray) Close() {
	for _, image := range t.images {
		image.Close()
	}
	t.images = nil
}

// Keep makes the tray close the image in the end.
func (t *Tray) Keep(image *vips.Image) *vips.Image {
	t.images = append(t.images, image)
	return image
}

// fail keeps the first error.
func (t *Tray) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// Sheet is an image on its way through a pipeline.
type Sheet struct {
	*vips.Image                // all pages, one above the other
	Pages       int            // each as high as the others
	Strip       Strip          // what of the metadata shall not be written
	Moved       bool           // an operation has been applied, or the image turned upright
	Measured    *wire.Measured // by the operation facts; nil without one
	tray        *Tray
	mapped      mapped
	reordered   reordered
	settled     bool                        // the pixels are in memory
	whole       struct{ width, height int } // of a page, if it was decoded smaller than it is
}

// Strip is what of the metadata shall not be written.
type Strip struct {
	All, GPS               bool
	KeepCopyright, KeepICC bool // of All
}

// Sheet begins with an image, which stays the caller's, of so many pages. Its
// pixels are read once and in order unless it is settled.
func (t *Tray) Sheet(image *vips.Image, pages int) *Sheet {
	return &Sheet{Image: image, Pages: pages, tray: t}
}

// Decoded says that the image was decoded smaller than it is, and how large a
// page is. The first step must be a resize.
func (s *Sheet) Decoded(width, height int) { s.whole.width, s.whole.height = width, height }

// fullSize is the size of a page as it came.
func (s *Sheet) fullSize() (width, height int) {
	if s.whole.width > 0 {
		return s.whole.width, s.whole.height
	}
	return s.Width(), s.PageHeight()
}

// Clone is a second sheet with the same image so far, for another pipeline. The
// image is settled first: both will read it.
func (s *Sheet) Clone() (*Sheet, error) {
	s.settle()
	c := *s
	return &c, s.tray.err
}

// operation does one step.
type operation func(s *Sheet, step pipeline.Step)

// operations are all that are done here, by name.
var operations = merge(colourOperations, geometryOperations, effectOperations, composeOperations, otherOperations)

func merge(chapters ...map[string]operation) map[string]operation {
	all := make(map[string]operation)
	for _, chapter := range chapters {
		for name, op := range chapter {
			all[name] = op
		}
	}
	return all
}

// Knows says that an operation is done here.
func Knows(name string) bool { return operations[name] != nil }

// Apply does one step. An error of the image is a *vips.Error or a fault of
// package wire; after it nothing more can be done with any sheet of the tray.
func (s *Sheet) Apply(step pipeline.Step) error {
	op := operations[step.Op()]
	if op == nil {
		return fmt.Errorf("darkroom: there is no operation %q", step.Op())
	}
	switch step.Declaration().Group {
	case pipeline.Geometry, pipeline.Effect, pipeline.Compose:
		if step.Op() != "orient" && step.Op() != "resize" { // which turn by themselves
			s.upright()
		}
	}
	s.Moved = true
	if s.tray.err == nil {
		op(s, step)
	}
	return s.tray.err
}

// Upright turns the image by its Exif orientation, which it then has no more.
func (s *Sheet) Upright() error {
	s.upright()
	return s.tray.err
}

// First leaves the first page only.
func (s *Sheet) First() error {
	if s.Pages > 1 {
		s.set(s.page(0))
		s.Pages = 1
	}
	return s.tray.err
}

// judge fails the job if an image of that size is larger than any may be.
func (s *Sheet) judge(width, height float64) bool {
	if width >= 1 && height >= 1 && width*height*float64(s.Pages) <= float64(s.tray.Limits.MaxPixels) {
		return true
	}
	s.tray.fail(wire.ErrOutputTooLarge.Detailf("an operation would make %.0f x %.0f pixels on %d page(s), more than the %d that are allowed",
		width, height, s.Pages, s.tray.Limits.MaxPixels))
	return false
}
