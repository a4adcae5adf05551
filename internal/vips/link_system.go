//go:build system

package vips

// The library is the system's, 8.14 or newer, and so is libjpeg.

// #cgo pkg-config: vips libjpeg
import "C"
