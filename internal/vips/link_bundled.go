//go:build bundled

package vips

// The library is found in lib beside the executable, wherever that is moved.

// #cgo CFLAGS: -I${SRCDIR}/../../.deps/libvips/libjpeg
// #cgo CFLAGS: -I${SRCDIR}/../../.deps/libvips/include -I${SRCDIR}/../../.deps/libvips/include/glib-2.0
// #cgo CFLAGS: -I${SRCDIR}/../../.deps/libvips/lib/glib-2.0/include
// #cgo LDFLAGS: -L${SRCDIR}/../../.deps/libvips/lib -lvips-cpp
// #cgo LDFLAGS: -L${SRCDIR}/../../.deps/libvips/libjpeg -l:libjpeg.a
// #cgo LDFLAGS: -Wl,-rpath,$ORIGIN/lib
import "C"
