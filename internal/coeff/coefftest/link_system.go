//go:build system

package coefftest

// libjpeg is the system's.

// #cgo pkg-config: libjpeg
import "C"
