package vips

// #include <stdlib.h>
// #include "vips.h"
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// ErrLimit says that a result would have been larger than its limit.
var ErrLimit = errors.New("vips: the result is over its limit")

// Image is an image that is computed when it is needed.
type Image struct {
	p      *C.VipsImage
	pinner *runtime.Pinner // of the bytes it is read from
	source *C.VipsSource   // those bytes, as the library reads them
	reel   *C.MlReel       // how far it has, if it is watched
	turbo  bool            // libjpeg-turbo makes its pixels
}

// Load starts reading an image with the named loader, which is one of a
// source. Only the header is decoded. The image reads from data until it is
// closed, and so does every image that is made from it.
func Load(loader string, data []byte, options Options) (*Image, error) {
	if len(data) == 0 {
		return nil, &Error{Text: "there are no bytes"}
	}
	pinner := new(runtime.Pinner)
	pinner.Pin(unsafe.SliceData(data))
	source := C.vips_source_new_from_memory(unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)))
	return load(loader, options, source, pinner)
}

// LoadWatched is Load for an image that can tell how far it has been read, if
// not beyond the given place. It is for loaders that read from start to end.
func LoadWatched(loader string, data []byte, upTo int, options Options) (*Image, error) {
	if len(data) == 0 {
		return nil, &Error{Text: "there are no bytes"}
	}
	pinner := new(runtime.Pinner)
	pinner.Pin(unsafe.SliceData(data))
	var reel *C.MlReel
	source := C.ml_source((*C.guint8)(unsafe.SliceData(data)), C.gint64(len(data)), C.gint64(upTo), &reel)
	image, err := load(loader, options, source, pinner)
	if err != nil {
		return nil, err
	}
	image.reel = reel
	return image, nil
}

func load(loader string, options Options, source *C.VipsSource, pinner *runtime.Pinner) (*Image, error) {
	image, err := call(loader, options, map[string]unsafe.Pointer{"source": unsafe.Pointer(source)}, true)
	if err != nil {
		C.g_object_unref(C.gpointer(source))
		pinner.Unpin()
		return nil, err
	}
	image.pinner, image.source = pinner, source
	return image, nil
}

// Black makes an image of 8 bits without colour space.
func Black(width, height, bands int) (*Image, error) {
	return call("black", Options{"width": width, "height": height, "bands": bands}, nil, true)
}

// Close releases the image. Images made from it are not affected, except that
// the bytes it was loaded from may then move.
func (i *Image) Close() {
	C.g_object_unref(C.gpointer(i.p))
	if i.source != nil {
		C.g_object_unref(C.gpointer(i.source))
		i.pinner.Unpin()
	}
}

// Read is how many bytes have been read of what the image was loaded from by
// LoadWatched or LoadJPEG, at most 64 more than have been used.
func (i *Image) Read() int { return int(i.reel.furthest) }

// Call runs the named operation on the image.
func (i *Image) Call(operation string, options Options) (*Image, error) {
	with := Options{"in": i}
	for k, v := range options {
		with[k] = v
	}
	return call(operation, with, nil, true)
}

// Measure runs an operation on the image whose outputs are numbers.
func (i *Image) Measure(operation string, options Options, outputs ...*Number) error {
	with := Options{"in": i}
	for k, v := range options {
		with[k] = v
	}
	_, err := call(operation, with, nil, false, outputs...)
	return err
}

// Make runs an operation that makes an image of no other one, or of several.
func Make(operation string, options Options) (*Image, error) {
	return call(operation, options, nil, true)
}

// OfPixels copies pixels, row by row: each bands channels of 1, 2 (unsigned) or
// 4 (floating point) bytes. The image has no colour space.
func OfPixels(data []byte, width, height, bands, bytes int) (*Image, error) {
	if len(data) == 0 || len(data) != width*height*bands*bytes {
		return nil, &UseError{Op: "pixels", Reason: "the bytes are not those of the size"}
	}
	p := C.ml_of_memory(unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)),
		C.int(width), C.int(height), C.int(bands), C.int(bytes))
	if p == nil {
		return nil, lastError()
	}
	return &Image{p: p}, nil
}

// Settle computes every pixel into memory, where they can be read in any order
// and more than once.
func (i *Image) Settle() (*Image, error) {
	p := C.vips_image_copy_memory(i.p)
	if p == nil {
		return nil, lastError()
	}
	return &Image{p: p}, nil
}

// Pixels computes every pixel: row by row, in the image's own depth and byte
// order of the machine.
func (i *Image) Pixels() ([]byte, error) {
	var size C.size_t
	p := C.vips_image_write_to_memory(i.p, &size)
	if p == nil {
		return nil, lastError()
	}
	defer C.g_free(C.gpointer(p))
	return C.GoBytes(p, C.int(size)), nil
}

// Swap reorders the colour channels: channel c of the result is channel
// from[c] of the image. Channels beyond the third stay.
func (i *Image) Swap(from [3]int) (*Image, error) {
	order := [3]C.int{C.int(from[0]), C.int(from[1]), C.int(from[2])}
	var out *C.VipsImage
	if C.ml_swap(i.p, &out, &order[0]) != 0 {
		return nil, lastError()
	}
	return &Image{p: out}, nil
}

// Save computes the image and writes it with the named saver, which is one of
// a target, to the descriptor from its first byte on. A result beyond limit
// bytes is ErrLimit.
func (i *Image) Save(saver string, fd int, limit int64, options Options) error {
	sink := (*C.MlSink)(C.calloc(1, C.sizeof_MlSink))
	defer C.free(unsafe.Pointer(sink))
	sink.fd, sink.limit = C.int(fd), C.gint64(limit)
	target := C.ml_target(sink)
	defer C.g_object_unref(C.gpointer(target))

	with := Options{"in": i}
	for k, v := range options {
		with[k] = v
	}
	_, err := call(saver, with, map[string]unsafe.Pointer{"target": unsafe.Pointer(target)}, false)
	if err != nil && sink.overflowed != 0 {
		return ErrLimit
	}
	return err
}

// Drain computes every pixel and keeps none: it finds out whether they can all
// be decoded.
func (i *Image) Drain() error {
	if C.ml_drain(i.p) != 0 {
		return lastError()
	}
	return nil
}

// Rows computes the pixels from the top and is how many rows there are before
// the first that cannot be computed.
func (i *Image) Rows() int {
	rows := int(C.ml_rows(i.p))
	C.vips_error_clear()
	return rows
}

// Width is the number of pixels in a row.
func (i *Image) Width() int { return int(C.vips_image_get_width(i.p)) }

// Height is the number of rows, of all pages together where they were loaded
// together.
func (i *Image) Height() int { return int(C.vips_image_get_height(i.p)) }

// Bands is the number of channels.
func (i *Image) Bands() int { return int(C.vips_image_get_bands(i.p)) }

// Bits is the number of bits of one channel of one pixel in memory.
func (i *Image) Bits() int { return 8 * int(C.vips_format_sizeof(C.vips_image_get_format(i.p))) }

// Float says that a channel's values are floating point numbers.
func (i *Image) Float() bool { return C.vips_band_format_isfloat(C.vips_image_get_format(i.p)) != 0 }

// Interpretation is the short name of the image's colour space, such as srgb,
// b-w, rgb16 or cmyk.
func (i *Image) Interpretation() string {
	nick := C.vips_enum_nick(C.vips_interpretation_get_type(), C.int(C.vips_image_get_interpretation(i.p)))
	return C.GoString(nick)
}

// Int is a number among the image's metadata.
func (i *Image) Int(name string) (int, bool) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	if C.vips_image_get_typeof(i.p, cname) == 0 {
		return 0, false
	}
	var n C.int
	if C.vips_image_get_int(i.p, cname, &n) != 0 {
		C.vips_error_clear()
		return 0, false
	}
	return int(n), true
}

// Ints is a list of numbers among the image's metadata, nil if there is none.
func (i *Image) Ints(name string) []int {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	if C.vips_image_get_typeof(i.p, cname) == 0 {
		return nil
	}
	var list *C.int
	var n C.int
	if C.vips_image_get_array_int(i.p, cname, &list, &n) != 0 {
		C.vips_error_clear()
		return nil
	}
	numbers := make([]int, n)
	for k, v := range unsafe.Slice(list, n) {
		numbers[k] = int(v)
	}
	return numbers
}

// Text is an entry of the image's metadata as a string.
func (i *Image) Text(name string) (string, bool) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	if C.vips_image_get_typeof(i.p, cname) == 0 {
		return "", false
	}
	var text *C.char
	if C.vips_image_get_as_string(i.p, cname, &text) != 0 {
		C.vips_error_clear()
		return "", false
	}
	defer C.g_free(C.gpointer(text))
	return C.GoString(text), true
}

// Fields are the names of all entries of the image's metadata.
func (i *Image) Fields() []string {
	list := C.vips_image_get_fields(i.p)
	defer C.g_strfreev(list)
	var names []string
	for _, p := range unsafe.Slice(list, C.g_strv_length(list)) {
		names = append(names, C.GoString(p))
	}
	return names
}

// SetInt puts a number into the image's metadata. An image whose metadata are
// changed must be nobody else's: that of a call of "copy" is.
func (i *Image) SetInt(name string, value int) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	C.vips_image_set_int(i.p, cname, C.int(value))
}

// SetInts puts a list of numbers into the image's metadata; see SetInt.
func (i *Image) SetInts(name string, values []int) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	list := make([]C.int, len(values))
	for k, v := range values {
		list[k] = C.int(v)
	}
	C.vips_image_set_array_int(i.p, cname, unsafe.SliceData(list), C.int(len(list)))
}

// SetBlob puts bytes into the image's metadata; see SetInt.
func (i *Image) SetBlob(name string, data []byte) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	C.vips_image_set_blob_copy(i.p, cname, unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)))
}

// SetText puts a string into the image's metadata; see SetInt.
func (i *Image) SetText(name, value string) {
	cname, cvalue := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(cname))
	defer C.free(unsafe.Pointer(cvalue))
	C.vips_image_set_string(i.p, cname, cvalue)
}

// Remove takes an entry out of the image's metadata, if it is there.
func (i *Image) Remove(name string) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	C.vips_image_remove(i.p, cname)
}

// Blob is a copy of bytes among the image's metadata, nil if there are none.
func (i *Image) Blob(name string) []byte {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	if C.vips_image_get_typeof(i.p, cname) == 0 {
		return nil
	}
	var data unsafe.Pointer
	var n C.size_t
	if C.vips_image_get_blob(i.p, cname, &data, &n) != 0 {
		C.vips_error_clear()
		return nil
	}
	return C.GoBytes(data, C.int(n))
}
