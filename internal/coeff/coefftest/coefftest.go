// Package coefftest reads and writes JPEGs with libjpeg-turbo, so that tests of
// package coeff have somebody else to compare it with.
package coefftest

// #cgo CFLAGS: -Wall -Wextra
// #include <stdlib.h>
// #include "turbo.h"
import "C"

import (
	"testing"
	"unsafe"
)

// Block is 8 by 8 coefficients in natural order, as they are in the file.
type Block [64]int16

// Plane is a component's blocks, row by row, those that fill up its last units
// among them.
type Plane struct {
	Across, Down int
	Blocks       []Block
}

// Kind is how a JPEG is made.
type Kind struct {
	Width, Height, Components int
	H, V                      int          // sampling factors of luma; chroma has 1
	Quality                   int          // unless there are tables
	Tables                    [][64]uint16 // of each component, in natural order
	Restart                   int          // units
	Progressive, Optimal      bool
	YCC                       bool // pixels are luma and chroma, not RGB
}

// Grey is the kind of a JPEG of the luma alone.
func (k Kind) Grey() Kind {
	k.Components, k.H, k.V = 1, 1, 1
	return k
}

func (k Kind) c() *C.MlTurbo {
	t := &C.MlTurbo{
		width: C.int(k.Width), height: C.int(k.Height), components: C.int(k.Components), h: C.int(k.H), v: C.int(k.V),
		quality: C.int(k.Quality), restart: C.int(k.Restart), progressive: flag(k.Progressive), optimal: flag(k.Optimal), ycc: flag(k.YCC),
	}
	if k.Tables != nil {
		t.tables = 1
		for c := range k.Components {
			for i, step := range k.Tables[c] {
				t.quant[c][i] = C.uint16_t(step)
			}
		}
	}
	return t
}

// Of is the kind of a JPEG. Those of more than three components are not known.
func Of(t testing.TB, data []byte) Kind {
	t.Helper()
	var head C.MlTurbo
	check(t, C.ml_turbo_head(bytes(data), C.size_t(len(data)), &head))
	k := Kind{
		Width: int(head.width), Height: int(head.height), Components: int(head.components), H: int(head.h), V: int(head.v),
		Restart: int(head.restart), Progressive: head.progressive != 0,
	}
	for c := range k.Components {
		var table [64]uint16
		for i := range table {
			table[i] = uint16(head.quant[c][i])
		}
		k.Tables = append(k.Tables, table)
	}
	return k
}

// Pixels decodes to RGB or grey, with libjpeg's smooth upsampling of chroma.
func Pixels(t testing.TB, data []byte) []byte {
	t.Helper()
	return decoded(t, data, Of(t, data))
}

// YCC decodes to luma and chroma, as dense as luma.
func YCC(t testing.TB, data []byte) []byte {
	t.Helper()
	k := Of(t, data)
	k.YCC = true
	return decoded(t, data, k)
}

func decoded(t testing.TB, data []byte, k Kind) []byte {
	t.Helper()
	pixels := make([]byte, k.Width*k.Height*k.Components)
	check(t, C.ml_turbo_decode(bytes(data), C.size_t(len(data)), k.c(), bytes(pixels)))
	return pixels
}

// Coefficients reads the planes of all components.
func Coefficients(t testing.TB, data []byte) []Plane {
	t.Helper()
	k := Of(t, data)
	planes, all := k.planes()
	check(t, C.ml_turbo_coefficients(bytes(data), C.size_t(len(data)), k.c(), (*C.int16_t)(&all[0][0])))
	return planes
}

// planes are empty ones of such a JPEG, and their blocks all together.
func (k Kind) planes() (planes []Plane, all []Block) {
	across, down := (k.Width+8*k.H-1)/(8*k.H), (k.Height+8*k.V-1)/(8*k.V)
	count := across * down * (k.H*k.V + k.Components - 1)
	all = make([]Block, count)
	rest := all
	for c := range k.Components {
		p := Plane{Across: across, Down: down}
		if c == 0 {
			p = Plane{Across: across * k.H, Down: down * k.V}
		}
		n := p.Across * p.Down
		p.Blocks, rest = rest[:n], rest[n:]
		planes = append(planes, p)
	}
	return planes, all
}

// Encode makes a JPEG of pixels.
func Encode(t testing.TB, pixels []byte, k Kind) []byte {
	t.Helper()
	if len(pixels) != k.Width*k.Height*k.Components {
		t.Fatalf("%d bytes of pixels for %+v", len(pixels), k)
	}
	return made(t, func(out **C.uchar, length *C.ulong) C.int {
		return C.ml_turbo_encode(bytes(pixels), k.c(), out, length)
	})
}

// Write makes a JPEG of the planes of all components.
func Write(t testing.TB, planes []Plane, k Kind) []byte {
	t.Helper()
	want, all := k.planes()
	for c, p := range planes {
		if copy(want[c].Blocks, p.Blocks) != len(p.Blocks) || len(p.Blocks) != len(want[c].Blocks) {
			t.Fatalf("%d blocks for %+v", len(p.Blocks), k)
		}
	}
	return made(t, func(out **C.uchar, length *C.ulong) C.int {
		return C.ml_turbo_write((*C.int16_t)(&all[0][0]), k.c(), out, length)
	})
}

func made(t testing.TB, make func(**C.uchar, *C.ulong) C.int) []byte {
	t.Helper()
	out, length := new(*C.uchar), C.ulong(0)
	status := make(out, &length)
	defer C.free(unsafe.Pointer(*out))
	check(t, status)
	return C.GoBytes(unsafe.Pointer(*out), C.int(length))
}

func bytes(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(b)) }

func check(t testing.TB, status C.int) {
	t.Helper()
	if status != 0 {
		t.Fatal("libjpeg-turbo did not like it")
	}
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
