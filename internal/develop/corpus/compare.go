package corpus

import (
	"fmt"
	"image"
	"math"
)

// Compare is an error unless frames are of the same number, size and delays, and
// as near to each other as is wanted. What cannot be seen does not count.
func Compare(got, want []Frame, within Tolerance) error {
	if len(got) != len(want) {
		return fmt.Errorf("there are %d frames, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Delay != want[i].Delay {
			return fmt.Errorf("frame %d is shown for %v, want %v", i, got[i].Delay, want[i].Delay)
		}
		if err := within.compare(got[i].Image, want[i].Image); err != nil {
			return fmt.Errorf("frame %d: %w", i, err)
		}
	}
	return nil
}

func (t Tolerance) compare(got, want *image.NRGBA64) error {
	if got.Rect.Size() != want.Rect.Size() {
		return fmt.Errorf("the size is %v, want %v", got.Rect.Size(), want.Rect.Size())
	}
	sum, most, at := 0.0, 0.0, image.Point{}
	size := want.Rect.Size()
	for y := range size.Y {
		for x := range size.X {
			d := distance(seen(got, x, y), seen(want, x, y))
			sum += d
			if d > most {
				most, at = d, image.Pt(x, y)
			}
		}
	}
	if mean := sum / float64(size.X*size.Y); mean > t.Mean || most > t.Max {
		return fmt.Errorf("pixels are %.2f of 255 away, at most %.1f at %v, which is %v and not %v; allowed are %.1f and %.1f",
			mean, most, at, got.At(at.X+got.Rect.Min.X, at.Y+got.Rect.Min.Y), want.At(at.X+want.Rect.Min.X, at.Y+want.Rect.Min.Y), t.Mean, t.Max)
	}
	return nil
}

// seen are the channels as they are seen: colours by as much as alpha lets through.
func seen(m *image.NRGBA64, x, y int) [4]float64 {
	c := channels(m.NRGBA64At(m.Rect.Min.X+x, m.Rect.Min.Y+y))
	for i := range 3 {
		c[i] *= c[3]
	}
	return c
}

// distance is that of the channel that differs most, in 255ths.
func distance(a, b [4]float64) float64 {
	d := 0.0
	for i := range a {
		d = max(d, 255*math.Abs(a[i]-b[i]))
	}
	return d
}

// Plus is the tolerance of two steps that lose something each.
func (t Tolerance) Plus(u Tolerance) Tolerance { return Tolerance{t.Mean + u.Mean, t.Max + u.Max} }
