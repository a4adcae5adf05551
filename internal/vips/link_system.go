//go:build system

package vips

// The library is the system's, 8.14 or newer.

// #cgo pkg-config: vips
import "C"
