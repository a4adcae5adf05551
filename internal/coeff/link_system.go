//go:build system

package coeff

// libjpeg is the system's.

// #cgo pkg-config: libjpeg
import "C"
