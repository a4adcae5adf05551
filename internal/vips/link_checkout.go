//go:build !bundled && !system

package vips

// The library lies where scripts/libvips put it, in this checkout. That is for
// tests and tools; what is shipped is built with the tag bundled.

// #cgo CFLAGS: -I${SRCDIR}/../../.deps/libvips/libjpeg
// #cgo CFLAGS: -I${SRCDIR}/../../.deps/libvips/include -I${SRCDIR}/../../.deps/libvips/include/glib-2.0
// #cgo CFLAGS: -I${SRCDIR}/../../.deps/libvips/lib/glib-2.0/include
// #cgo LDFLAGS: -L${SRCDIR}/../../.deps/libvips/lib -lvips-cpp
// #cgo LDFLAGS: -L${SRCDIR}/../../.deps/libvips/libjpeg -l:libjpeg.a
// #cgo LDFLAGS: -Wl,-rpath,${SRCDIR}/../../.deps/libvips/lib
import "C"
