package vips

// #include <stdlib.h>
// #include "vips.h"
import "C"

import (
	"errors"
	"unsafe"
)

// JPEG is how a JPEG is encoded, in the words of ITU-T T.81.
type JPEG struct {
	Components  []Component // one (grey) or three
	Tables      [4]Table    // quantisation; one that is used must be Usable
	RGB         bool        // the components are red, green and blue, not luma and chroma
	Progressive bool
	Restart     int // minimal coded units between restart markers, 0 for none
	JFIF        *JFIF
	Segments    []byte // further segments of the header, whole, in their order
}

// Component is one of a frame's: its sampling factors and its table.
type Component struct {
	H, V  uint8
	Table uint8
}

// JFIF is what a JFIF header says.
type JFIF struct {
	Version uint16 // 0x0102 for 1.02
	Unit    uint8  // 0: an aspect ratio, 1: dots in an inch, 2: in a centimetre
	X, Y    uint16 // density
}

// Table is a quantisation table, in zigzag order.
type Table [64]uint16

// maxStep is the largest step that the encoder can divide by. A coefficient of
// 8 bits is below 1024, so a larger one leaves nothing of it either.
const maxStep = 4095

// Usable says that the encoder can quantise with the table.
func (t *Table) Usable() bool {
	for _, step := range t {
		if step < 1 || step > maxStep {
			return false
		}
	}
	return true
}

// CanSample says that the encoder can sample components so: the largest factor
// is a multiple of each, and a unit has at most ten blocks (T.81, B.2.3).
func CanSample(components []Component) bool {
	var h, v uint8
	blocks := 0
	for _, c := range components {
		if c.H < 1 || c.H > 4 || c.V < 1 || c.V > 4 {
			return false
		}
		h, v = max(h, c.H), max(v, c.V)
		blocks += int(c.H) * int(c.V)
	}
	for _, c := range components {
		if h%c.H != 0 || v%c.V != 0 {
			return false
		}
	}
	return blocks <= 10
}

var errJPEG = errors.New("vips: a JPEG cannot be written that way")

// SaveJPEG computes the image, of 8 bits in grey or red, green and blue, and
// writes it to the descriptor from its first byte on. A result beyond limit
// bytes is ErrLimit. Only a progressive one is kept in memory as a whole.
func (i *Image) SaveJPEG(fd int, limit int64, how JPEG) error {
	if len(how.Components) != i.Bands() || len(how.Components) > 3 || !CanSample(how.Components) ||
		how.Restart < 0 || how.Restart > 0xffff {
		return errJPEG
	}
	c := C.MlJPEG{rgb: flag(how.RGB), progressive: flag(how.Progressive), restart: C.int(how.Restart)}
	for n, component := range how.Components {
		if component.Table > 3 || !how.Tables[component.Table].Usable() {
			return errJPEG
		}
		c.h[n], c.v[n], c.table[n] = C.guint8(component.H), C.guint8(component.V), C.guint8(component.Table)
	}
	for n, table := range how.Tables {
		for z, step := range table {
			c.tables[n][zigzag[z]] = C.guint16(step)
		}
	}
	if j := how.JFIF; j != nil {
		c.jfif, c.version, c.unit = 1, C.guint16(j.Version), C.guint8(j.Unit)
		c.x_density, c.y_density = C.guint16(j.X), C.guint16(j.Y)
	}
	sink := C.MlSink{fd: C.int(fd), limit: C.gint64(limit)}
	segments := (*C.guint8)(unsafe.SliceData(how.Segments))
	if C.ml_jpeg(i.p, &sink, &c, segments, C.size_t(len(how.Segments))) == 0 {
		return nil
	}
	err := lastError()
	if sink.overflowed != 0 {
		return ErrLimit
	}
	return err
}

// CheckJPEG reads all codes of a JPEG, which takes a fraction of the time that
// decoding takes, and says what of its pixels is missing or made up. What
// cameras leave between the parts of a file does no harm.
func CheckJPEG(data []byte) error {
	if C.ml_jpeg_check((*C.guint8)(unsafe.SliceData(data)), C.size_t(len(data))) != 0 {
		return lastError()
	}
	return nil
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// zigzag is the place in a block, row by row, of each coefficient of a table
// (T.81, figure A.6).
var zigzag = [64]int{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}
