package darkroom

import (
	"math"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// nearHalf is how far below a half a value is still rounded up: what is a half
// exactly may have been computed a little less.
const nearHalf = 1e-9

// mapped is tables in a row, done as one. Since tables hold whole numbers, the
// one table gives exactly what they give one after the other.
type mapped struct {
	from, to *vips.Image // before all of them, and after
	tables   [][]uint16
}

// table maps each value of each colour channel, from 0 to full, through f. What
// comes out is rounded, a half up, and kept in that range.
func (s *Sheet) table(f func(v float64) float64) { s.tables([][]uint16{s.values(f)}) }

// values are f of every value of a channel.
func (s *Sheet) values(f func(v float64) float64) []uint16 {
	full := s.full()
	list := make([]uint16, int(full)+1)
	for v := range list {
		list[v] = uint16(min(max(f(float64(v))+0.5+nearHalf, 0), full))
	}
	return list
}

// tables maps each colour channel through the table of its own, or all through
// the only one. If the sheet has just been made by tables, these and the former
// become one.
func (s *Sheet) tables(tables [][]uint16) {
	m := mapped{from: s.Image, tables: tables}
	if s.mapped.to == s.Image {
		m.from, m.tables = s.mapped.from, chained(s.mapped.tables, tables)
	}
	s.set(picture{m.from, s.tray}.call("maplut", vips.Options{"lut": s.lut(m.tables)}))
	m.to = s.Image
	s.mapped = m
}

// chained are the tables that do what two sets of them do in turn.
func chained(first, second [][]uint16) [][]uint16 {
	out := make([][]uint16, max(len(first), len(second)))
	for c := range out {
		a, b := first[c%len(first)], second[c%len(second)]
		out[c] = make([]uint16, len(a))
		for v, between := range a {
			out[c][v] = b[between]
		}
	}
	return out
}

// lut is the tables as an image with the sheet's channels; alpha stays.
func (s *Sheet) lut(tables [][]uint16) picture {
	bands, bytes := len(tables), s.Bits()/8
	if s.HasAlpha() {
		bands = s.Bands()
	} else if bands > 1 {
		bands = 3
	}
	data := make([]byte, 0, len(tables[0])*bands*bytes)
	for v := range tables[0] {
		for b := range bands {
			out := uint16(v)
			if b < s.Bands()-1 || !s.HasAlpha() {
				out = tables[b%len(tables)][v]
			}
			data = append(data, byte(out))
			if bytes > 1 {
				data = append(data, byte(out>>8)) // little endian, as are the machines that this runs on
			}
		}
	}
	return s.tray.pixels(data, len(tables[0]), 1, bands, bytes)
}

func invert(s *Sheet, _ pipeline.Step) {
	s.table(func(v float64) float64 { return s.full() - v })
}

func brightness(s *Sheet, step pipeline.Step) {
	more := step.Float("amount") * s.full()
	s.table(func(v float64) float64 { return v + more })
}

func contrast(s *Sheet, step pipeline.Step) {
	amount, middle := step.Float("amount"), s.full()/2
	s.table(func(v float64) float64 { return middle + amount*(v-middle) })
}

func gamma(s *Sheet, step pipeline.Step) {
	exponent := 1 / step.Float("exponent")
	s.table(func(v float64) float64 { return s.full() * math.Pow(v/s.full(), exponent) })
}

func levels(s *Sheet, step pipeline.Step) {
	full, exponent := s.full(), 1/step.Float("gamma")
	black, white := step.Float("black")*full, step.Float("white")*full
	from, to := step.Float("outblack")*full, step.Float("outwhite")*full
	s.table(func(v float64) float64 {
		share := min(max((v-black)/(white-black), 0), 1)
		return from + (to-from)*math.Pow(share, exponent)
	})
}

// posterize gives each of the values that are left an equal part of the range,
// as the discrete transfer function of W3C's Filter Effects.
func posterize(s *Sheet, step pipeline.Step) {
	n, full := step.Int("levels"), int(s.full())
	s.table(func(v float64) float64 {
		k := min(int(v)*n/full, n-1)
		return float64(k*full) / float64(n-1)
	})
}

// threshold makes the image grey first, so its brightness is what is compared.
func threshold(s *Sheet, step pipeline.Step) {
	s.grayscale()
	full, level := s.full(), step.Float("level")
	s.table(func(v float64) float64 {
		if v/full >= level {
			return full
		}
		return 0
	})
}
