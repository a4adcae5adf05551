package darkroom

import (
	"math"
	"sort"
	"strings"

	"minilab/internal/pipeline"
)

func curves(s *Sheet, step pipeline.Step) {
	c := curveThrough(step.Floats("points"))
	f := func(v float64) float64 { return s.full() * c.at(v/s.full()) }
	if step.Value("channel") == "all" {
		s.table(f)
		return
	}
	s.coloured()
	same := s.values(func(v float64) float64 { return v })
	tables := [][]uint16{same, same, same}
	tables[strings.Index("rgb", step.Value("channel")[:1])] = s.values(f)
	s.tables(tables)
}

// curve is a monotone cubic through points: Fritsch and Carlson, "Monotone
// Piecewise Cubic Interpolation", SIAM J. Numer. Anal. 17 (1980). Between two
// points it never leaves their values; beyond the first and the last it is flat.
type curve struct {
	x, y, slope []float64
}

// curveThrough makes a curve of pairs whose first ones grow.
func curveThrough(pairs []float64) curve {
	n := len(pairs) / 2
	c := curve{make([]float64, n), make([]float64, n), make([]float64, n)}
	for i := range n {
		c.x[i], c.y[i] = pairs[2*i], pairs[2*i+1]
	}
	secant := make([]float64, n-1)
	for i := range secant {
		secant[i] = (c.y[i+1] - c.y[i]) / (c.x[i+1] - c.x[i])
	}
	c.slope[0], c.slope[n-1] = secant[0], secant[n-2]
	for i := 1; i < n-1; i++ {
		if secant[i-1]*secant[i] > 0 {
			c.slope[i] = (secant[i-1] + secant[i]) / 2
		}
	}
	for i, d := range secant {
		c.restrain(i, d)
	}
	return c
}

// restrain makes the slopes at both ends of a piece so small that it is
// monotone.
func (c curve) restrain(i int, secant float64) {
	if secant == 0 {
		c.slope[i], c.slope[i+1] = 0, 0
		return
	}
	a, b := c.slope[i]/secant, c.slope[i+1]/secant
	if r := math.Hypot(a, b); r > 3 {
		c.slope[i], c.slope[i+1] = 3/r*a*secant, 3/r*b*secant
	}
}

// at is the curve's value, by its cubic Hermite form.
func (c curve) at(x float64) float64 {
	last := len(c.x) - 1
	switch {
	case x <= c.x[0]:
		return c.y[0]
	case x >= c.x[last]:
		return c.y[last]
	}
	i := sort.SearchFloat64s(c.x, x)
	if c.x[i] == x {
		return c.y[i]
	}
	i--
	h := c.x[i+1] - c.x[i]
	t := (x - c.x[i]) / h
	u := 1 - t
	return c.y[i]*(1+2*t)*u*u + c.y[i+1]*t*t*(3-2*t) + h*t*u*(c.slope[i]*u-c.slope[i+1]*t)
}
