package corpus

import (
	"encoding/binary"
	"math"
)

// seer turns the colours of a profile into sRGB.
type seer func(c [4]float64) [4]float64

// seerOf reads a profile of matrix and curves, or of one curve. One that cannot
// be read, or is for other colours, is as good as none: nil.
func seerOf(icc []byte, grey bool) seer {
	tags := tagsOf(icc)
	if tags == nil {
		return nil
	}
	if string(icc[16:20]) == "GRAY" {
		curve := curveOf(tags["kTRC"])
		if curve == nil || !grey {
			return nil
		}
		return func(c [4]float64) [4]float64 {
			v := encodeSRGB(curve(c[0]))
			return [4]float64{v, v, v, c[3]}
		}
	}
	var m [3][3]float64
	var curves [3]func(float64) float64
	for i, c := range []string{"r", "g", "b"} {
		xyz := tags[c+"XYZ"]
		if curves[i] = curveOf(tags[c+"TRC"]); curves[i] == nil || len(xyz) < 20 {
			return nil
		}
		for row := range 3 {
			m[row][i] = signed(xyz[8+4*row:])
		}
	}
	back := inverse(*srgbLinear)
	return func(c [4]float64) [4]float64 {
		v := times(back, times(m, [3]float64{curves[0](c[0]), curves[1](c[1]), curves[2](c[2])}))
		for i, x := range v {
			c[i] = encodeSRGB(min(max(x, 0), 1))
		}
		return c
	}
}

func signed(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) / 65536 }

func tagsOf(icc []byte) map[string][]byte {
	if len(icc) < 132 || string(icc[36:40]) != "acsp" || uint64(binary.BigEndian.Uint32(icc)) > uint64(len(icc)) {
		return nil
	}
	tags := map[string][]byte{}
	for i := range binary.BigEndian.Uint32(icc[128:]) {
		e := 132 + 12*int(i)
		if e+12 > len(icc) {
			return nil
		}
		at, size := uint64(binary.BigEndian.Uint32(icc[e+4:])), uint64(binary.BigEndian.Uint32(icc[e+8:]))
		if at+size > uint64(len(icc)) {
			return nil
		}
		tags[string(icc[e:e+4])] = icc[at : at+size]
	}
	return tags
}

// curveOf is a curve of either type (ICC.1, 10.6 and 10.18).
func curveOf(b []byte) func(float64) float64 {
	switch {
	case len(b) >= 12 && string(b[:4]) == "curv":
		return tableCurve(b[12:], int(binary.BigEndian.Uint32(b[8:])))
	case len(b) >= 16 && string(b[:4]) == "para":
		return parametricCurve(binary.BigEndian.Uint16(b[8:]), b[12:])
	}
	return nil
}

func tableCurve(b []byte, n int) func(float64) float64 {
	switch {
	case n == 0:
		return func(v float64) float64 { return v }
	case len(b) < 2*n:
		return nil
	case n == 1:
		gamma := float64(binary.BigEndian.Uint16(b)) / 256
		return func(v float64) float64 { return math.Pow(v, gamma) }
	}
	at := func(i int) float64 { return float64(binary.BigEndian.Uint16(b[2*i:])) / 65535 }
	return func(v float64) float64 {
		x := v * float64(n-1)
		i := min(int(x), n-2)
		return at(i) + (at(i+1)-at(i))*(x-float64(i))
	}
}

func parametricCurve(kind uint16, b []byte) func(float64) float64 {
	sizes := []int{1, 3, 4, 5, 7}
	if int(kind) >= len(sizes) || len(b) < 4*sizes[kind] {
		return nil
	}
	p := [7]float64{1, 1} // g a b c d e f
	for i := range sizes[kind] {
		p[i] = signed(b[4*i:])
	}
	switch kind {
	case 0:
		p[1] = 1
	case 1:
		p[4] = -p[2] / p[1]
	case 2:
		p[4], p[5], p[6] = -p[2]/p[1], p[3], p[3]
		p[3] = 0
	}
	return func(v float64) float64 {
		if v < p[4] {
			return p[3]*v + p[6]
		}
		return math.Pow(max(p[1]*v+p[2], 0), p[0]) + p[5]
	}
}
