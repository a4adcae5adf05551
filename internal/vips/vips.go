// Package vips is a thin binding to libvips: call an operation by its name,
// read from memory, write to a descriptor.
//
//	image, err := vips.Load("jpegload_source", data, vips.Options{"access": "sequential"})
//	defer image.Close()
//	swapped, err := image.Swap([3]int{2, 1, 0})
//	defer swapped.Close()
//	err = swapped.Save("jpegsave_target", fd, limit, vips.Options{"Q": 85})
//
// libvips is lazy: pixels are decoded while the result is saved, so that is
// where a broken image shows. Its error buffer is one for the whole process,
// which is why a process works on one image at a time.
package vips

// #cgo CFLAGS: -O3 -Wall
// #include <stdlib.h>
// #include "vips.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

// ExitMemory is the exit status of a process that ran out of memory inside
// the library.
const ExitMemory = C.ML_EXIT_MEMORY

// Init starts the library: one thread for an image, no cache of operations,
// loaders that are not fit for untrusted images blocked. It may be called more
// than once.
var Init = sync.OnceValue(func() error {
	if C.ml_init() != 0 {
		return fmt.Errorf("vips: start: %w", lastError())
	}
	return nil
})

// Version is the library's version, such as 8.18.7.
func Version() string {
	return fmt.Sprintf("%d.%d.%d", C.vips_version(0), C.vips_version(1), C.vips_version(2))
}

// Options are an operation's arguments by name: bool, int, float64, []float64,
// []int, string (also the short name of an enumeration's value or of an
// interpolator), *Image and []*Image.
type Options map[string]any

// operation is a libvips operation that is being set up.
type operation struct {
	name string
	p    *C.VipsOperation
}

// call runs an operation. The image is its output named out, if it is to have
// one; numbers are read from the outputs of their names. Sources and targets
// are passed as objects.
func call(name string, options Options, objects map[string]unsafe.Pointer, wantImage bool, numbers ...*Number) (*Image, error) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	op := operation{name, C.ml_operation(cname)}
	if op.p == nil {
		return nil, &UseError{Op: name, Reason: lastError().Error()}
	}
	defer func() { C.ml_free(op.p) }()
	for key, v := range options {
		err := op.set(key, v)
		if key == "in" && err != nil { // some operations have another name for it
			err = op.set("input", v)
		}
		if err != nil {
			return nil, err
		}
	}
	for key, p := range objects {
		if err := op.with(key, func(k *C.char) C.int { return C.ml_set_object(op.p, k, p) }); err != nil {
			return nil, err
		}
	}
	if C.ml_build(&op.p) != 0 {
		return nil, lastError()
	}
	for _, n := range numbers {
		if err := op.with(n.Name, func(k *C.char) C.int { return C.ml_number_of(op.p, k, (*C.double)(&n.Value)) }); err != nil {
			return nil, err
		}
	}
	if !wantImage {
		return nil, nil
	}
	cout := C.CString("out")
	defer C.free(unsafe.Pointer(cout))
	return &Image{p: C.ml_image_of(op.p, cout)}, nil
}

// Number is an output of an operation that is a number.
type Number struct {
	Name  string
	Value float64
}

func (op operation) set(key string, value any) error {
	return op.with(key, func(k *C.char) C.int {
		switch v := value.(type) {
		case bool:
			if v {
				return C.ml_set_number(op.p, k, 1)
			}
			return C.ml_set_number(op.p, k, 0)
		case int:
			return C.ml_set_number(op.p, k, C.double(v))
		case float64:
			return C.ml_set_number(op.p, k, C.double(v))
		case []float64:
			return C.ml_set_numbers(op.p, k, (*C.double)(unsafe.SliceData(v)), C.int(len(v)))
		case []int:
			numbers := make([]float64, len(v))
			for i, n := range v {
				numbers[i] = float64(n)
			}
			return C.ml_set_numbers(op.p, k, (*C.double)(unsafe.SliceData(numbers)), C.int(len(v)))
		case []*Image:
			images := make([]*C.VipsImage, len(v))
			for i, image := range v {
				images[i] = image.p
			}
			return C.ml_set_images(op.p, k, unsafe.SliceData(images), C.int(len(v)))
		case *Image:
			return C.ml_set_object(op.p, k, unsafe.Pointer(v.p))
		case string:
			text := C.CString(v)
			defer C.free(unsafe.Pointer(text))
			return C.ml_set_string(op.p, k, text)
		}
		return C.ML_BAD_TYPE
	})
}

func (op operation) with(key string, set func(*C.char) C.int) error {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	switch set(k) {
	case C.ML_NO_PROPERTY:
		return &UseError{Op: op.name, Reason: "no argument " + key}
	case C.ML_BAD_TYPE:
		return &UseError{Op: op.name, Reason: "wrong type of value for " + key}
	}
	return nil
}
