//go:build !system

package coefftest

// libjpeg-turbo is where scripts/libvips put it, in this checkout, and is linked
// into what is built.

// #cgo CFLAGS: -I${SRCDIR}/../../../.deps/libvips/libjpeg
// #cgo LDFLAGS: -L${SRCDIR}/../../../.deps/libvips/libjpeg -l:libjpeg.a
import "C"
