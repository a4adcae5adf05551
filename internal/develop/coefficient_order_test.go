package develop_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"minilab/internal/coeff"
	"minilab/internal/develop"
)

// TestOrdersAreExact does by hand what the lane is asked for, in exact values, and
// compares with the model: every sequence comes to one map of colours and one
// region, laid in one way.
func TestOrdersAreExact(t *testing.T) {
	data, taken := writeJPEG(t, meadow(64, 48), ways("4:4:4")), 0
	colours := colourCube(64, 48)
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 600))
		text, orientation := randomSequence(random), random.IntN(9)
		order, ok := planned(t, data, text, orientation)
		if !ok {
			continue
		}
		taken++
		g := colours
		g.orientation = orientation
		want := g.through(text)
		if got := ordered(colours, order); got.w != want.w || got.h != want.h {
			t.Fatalf("seed %d: %s turned as %d makes %d x %d, want %d x %d", seed, text, orientation, got.w, got.h, want.w, want.h)
		} else if at, most := farthest(got, want); most > 1e-6 {
			t.Fatalf("seed %d: %s turned as %d: colour %d is %v, want %v", seed, text, orientation, at, got.at[at], want.at[at])
		}
		mustStopAlike(t, text, order.Colours)
	}
	if taken < 300 {
		t.Errorf("only %d sequences were planned", taken)
	}
}

// mustStopAlike: where it makes a difference that colours are stopped at the ends of
// their range, the map is there for colours as well, and is the same one.
func mustStopAlike(tb testing.TB, text string, c coeff.Colours) {
	tb.Helper()
	if c.Stops == nil {
		return
	}
	for i, before := range colourCube(8, 8).at {
		want := mappedColour(before, c)
		for k, row := range c.Stops.Rows {
			got := c.Stops.Add[k] + row[0]*before[0] + row[1]*before[1] + row[2]*before[2]
			if math.Abs(got-want[k]) > 1e-6 {
				tb.Fatalf("%s: channel %d of colour %d is %v, want %v", text, k, i, got, want[k])
			}
		}
	}
}

// TestColoursAreStopped before all maps but those that only reorder or invert
// channels: what is beyond 0 or 255 then stays beyond one of the two.
func TestColoursAreStopped(t *testing.T) {
	data := writeJPEG(t, meadow(64, 48), ways("4:4:4"))
	for text, stopped := range map[string]bool{
		"swap": false, "swap:gbr": false, "invert": false, "invert/swap:gbr": false, "swap/invert/rotate:90": false, "flip": false, "strip": false,
		"grayscale": true, "saturation:0": true, "saturation:0.5": true, "contrast:0.5": true, "contrast:0": true, "swap/saturation:0.9": true,
		"contrast:0.5/brightness:0.2": true, "invert/contrast:0.99": true,
	} {
		if o, ok := planned(t, data, text, 0); !ok || (o.Colours.Stops != nil) != stopped {
			t.Errorf("%s: planned %v, stopped %v", text, ok, o.Colours.Stops != nil)
		}
	}
}

// planned is the order for a pipeline, if it has one.
func planned(tb testing.TB, data []byte, text string, orientation int) (coeff.Order, bool) {
	tb.Helper()
	return develop.Planned(data, parsed(tb, text)[0], orientation)
}

// colourCube is a grid of colours from all of their range, its ends among them.
func colourCube(w, h int) grid {
	g := grid{w: w, h: h}
	random := rand.New(rand.NewPCG(1, 6))
	for range w * h {
		var c [3]float64
		for k := range c {
			c[k] = []float64{0, 255, 255 * random.Float64()}[random.IntN(3)]
		}
		g.at = append(g.at, c)
	}
	return g
}

// ordered does what an order says: luma and chroma of JFIF (ITU-T T.871), the map
// of them, and back.
func ordered(g grid, o coeff.Order) grid {
	r := o.Region
	g = g.taken(r.Width, r.Height, func(x, y int) (int, int) { return r.Left + x, r.Top + y })
	if o.Turn.Transpose {
		g = g.taken(g.h, g.w, func(x, y int) (int, int) { return y, x })
	}
	if o.Turn.Flop {
		g = g.flop()
	}
	if o.Turn.Flip {
		g = g.moved("flip", "")
	}
	for i, c := range g.at {
		g.at[i] = mappedColour(c, o.Colours)
	}
	return g
}

func mappedColour(c [3]float64, m coeff.Colours) [3]float64 {
	y := 0.299*c[0] + 0.587*c[1] + 0.114*c[2]
	cb, cr := (c[2]-y)/1.772, (c[0]-y)/1.402
	luma := 128 + m.Luma[0]*(y-128) + m.Luma[1]*cb + m.Luma[2]*cr + m.Add
	if m.Grey {
		return [3]float64{luma, luma, luma}
	}
	blue := luma + 1.772*(m.Chroma[0][0]*cb+m.Chroma[0][1]*cr)
	red := luma + 1.402*(m.Chroma[1][0]*cb+m.Chroma[1][1]*cr)
	return [3]float64{red, (luma - 0.299*red - 0.114*blue) / 0.587, blue}
}

// farthest is where two grids differ most.
func farthest(a, b grid) (at int, most float64) {
	for i := range a.at {
		for k := range 3 {
			if d := math.Abs(a.at[i][k] - b.at[i][k]); d > most {
				at, most = i, d
			}
		}
	}
	return at, most
}

// TestOrdersOfEverySwap: the six orders are six different maps.
func TestOrdersOfEverySwap(t *testing.T) {
	data, seen := writeJPEG(t, meadow(64, 48), ways("4:4:4")), make(map[string]string)
	for _, order := range permutations {
		o, ok := planned(t, data, "swap:"+order, 0)
		if !ok {
			t.Fatalf("swap:%s has no order", order)
		}
		key := fmt.Sprintf("%.6f", o.Colours.Luma) + fmt.Sprintf("%.6f", o.Colours.Chroma)
		if other := seen[key]; other != "" {
			t.Errorf("swap:%s and swap:%s are the same", order, other)
		}
		seen[key] = order
	}
	if o, _ := planned(t, data, "swap:gbr/swap:brg", 0); o.Colours != coeff.Same() {
		t.Errorf("there and back is %+v", o.Colours)
	}
}
