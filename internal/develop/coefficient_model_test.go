package develop_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// grid is a picture of exact values, 0 to 255, and what operations are to make of
// it: a model that shares nothing with the code under test.
type grid struct {
	w, h        int
	at          [][3]float64
	orientation int
	forgets     bool // the orientation, when it is written
}

func newGrid(m image.Image, orientation int) grid {
	g := grid{w: m.Bounds().Dx(), h: m.Bounds().Dy(), orientation: orientation}
	for y := range g.h {
		for x := range g.w {
			c := straight(m.At(x, y))
			g.at = append(g.at, [3]float64{float64(c.R) / 257, float64(c.G) / 257, float64(c.B) / 257})
		}
	}
	return g
}

// image is the grid at 16 bits.
func (g grid) image() image.Image {
	m := image.NewNRGBA64(image.Rect(0, 0, g.w, g.h))
	for i, c := range g.at {
		word := func(v float64) uint16 { return uint16(math.Round(v * 257)) }
		m.SetNRGBA64(i%g.w, i/g.w, color.NRGBA64{R: word(c[0]), G: word(c[1]), B: word(c[2]), A: 0xffff})
	}
	return m
}

// each alters every colour, which stays in its range.
func (g grid) each(f func(c [3]float64) [3]float64) grid {
	out := g
	out.at = make([][3]float64, len(g.at))
	for i, c := range g.at {
		for k, v := range f(c) {
			out.at[i][k] = min(max(v, 0), 255)
		}
	}
	return out
}

// channels alters every channel by itself.
func (g grid) channels(f func(v float64) float64) grid {
	return g.each(func(c [3]float64) [3]float64 { return [3]float64{f(c[0]), f(c[1]), f(c[2])} })
}

// taken is a grid of another size, each pixel taken from a place in this one.
func (g grid) taken(w, h int, from func(x, y int) (int, int)) grid {
	out := grid{w: w, h: h, orientation: g.orientation, forgets: g.forgets}
	for y := range h {
		for x := range w {
			sx, sy := from(x, y)
			out.at = append(out.at, g.at[sy*g.w+sx])
		}
	}
	return out
}

func (g grid) clockwise() grid {
	return g.taken(g.h, g.w, func(x, y int) (int, int) { return y, g.h - 1 - x })
}

func (g grid) flop() grid {
	return g.taken(g.w, g.h, func(x, y int) (int, int) { return g.w - 1 - x, y })
}

// upright goes by where the first row and the first column are (Exif 2.32, 4.6.4).
func (g grid) upright() grid {
	o := g.orientation
	g.orientation = 0
	switch o {
	case 2:
		return g.flop()
	case 3:
		return g.clockwise().clockwise()
	case 4:
		return g.clockwise().clockwise().flop()
	case 5:
		return g.clockwise().flop()
	case 6:
		return g.clockwise()
	case 7:
		return g.flop().clockwise()
	case 8:
		return g.clockwise().clockwise().clockwise()
	}
	return g
}

func brightnessOf(c [3]float64) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }

// model does a step, told as in a pipeline's text.
func (g grid) model(text string) grid {
	name, value, _ := strings.Cut(text, ":")
	number, _ := strconv.ParseFloat(value, 64)
	switch name {
	case "swap":
		if value == "" {
			value = "bgr"
		}
		return g.each(func(c [3]float64) (out [3]float64) {
			for i := range out {
				out[i] = c[strings.IndexByte("rgb", value[i])]
			}
			return out
		})
	case "grayscale", "saturation":
		return g.each(func(c [3]float64) [3]float64 {
			b := brightnessOf(c)
			return [3]float64{b + number*(c[0]-b), b + number*(c[1]-b), b + number*(c[2]-b)}
		})
	case "invert":
		return g.channels(func(v float64) float64 { return 255 - v })
	case "brightness":
		return g.channels(func(v float64) float64 { return v + 255*number })
	case "contrast":
		return g.channels(func(v float64) float64 { return 127.5 + number*(v-127.5) })
	case "strip", "jpeg":
		g.forgets = g.forgets || value != "gps"
		return g
	case "orient":
		if value == "none" {
			number = 1
		}
		if value != "" {
			g.orientation = int(number)
		}
		return g.upright()
	}
	return g.upright().moved(name, value)
}

// moved does a step that moves pixels; of crops those that name the edges.
func (g grid) moved(name, value string) grid {
	switch name {
	case "flop":
		return g.flop()
	case "flip":
		return g.taken(g.w, g.h, func(x, y int) (int, int) { return x, g.h - 1 - y })
	case "rotate":
		angle, _ := strconv.Atoi(value)
		for range (angle/90 + 4) % 4 {
			g = g.clockwise()
		}
		return g
	case "crop":
		var w, h, left, top int
		if n, err := fmt.Sscanf(value, "%dx%d:x=%d:y=%d", &w, &h, &left, &top); n != 4 {
			panic(err)
		}
		return g.taken(min(w, g.w-left), min(h, g.h-top), func(x, y int) (int, int) { return left + x, top + y })
	}
	panic(name)
}

// through is what a pipeline is to make of the grid.
func (g grid) through(text string) grid {
	for step := range strings.SplitSeq(text, "/") {
		g = g.model(step)
	}
	if g.forgets {
		g = g.upright()
	}
	return g
}

// modelled is what a pipeline is to make of a picture.
func modelled(m image.Image, orientation int, text string) image.Image {
	return newGrid(m, orientation).through(text).image()
}

// meadow is a picture as photographs are: slopes, edges and grain, in colours
// that are far from the ends of the range.
func meadow(w, h int) image.Image { return meadowOf(6, w, h) }

func meadowOf(seed uint64, w, h int) image.Image {
	random := rand.New(rand.NewPCG(seed, 2))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			light := 30 * math.Sin(float64(x*x+3*y*y)/900+float64(seed))
			if (x/19+y/23)%2 == 0 {
				light += 25
			}
			grain := func() float64 { return 8 * random.Float64() }
			m.SetNRGBA(x, y, color.NRGBA{
				R: uint8(110 + light + grain() + float64(40*x/w)), G: uint8(100 + light + grain() + float64(40*y/h)),
				B: uint8(140 + light/2 + grain() - float64(40*(x+y)/(w+h))), A: 255,
			})
		}
	}
	return m
}

// laneTests are pipelines that take the lane wherever units are whole.
var laneTests = []string{
	"swap", "swap:gbr", "swap:rbg", "grayscale", "invert", "saturation:0", "saturation:0.4", "contrast:0.6", "contrast:0.5/brightness:0.2",
	"flip", "flop", "rotate:90", "rotate:180", "rotate:270", "orient", "orient:none", "orient:5", "orient:7", "orient:8", "strip",
	"crop:48x32:x=16:y=32", "crop:35x21:x=16:y=16", "crop:64x48:x=16:y=16/rotate:90", "flip/crop:40x40:x=32:y=16",
	"swap/rotate:90/invert/crop:30x50:x=16:y=16/saturation:0.5", "rotate:270/flop/swap:brg",
}

// pixelsLoss is how much farther from the model than the pixels' way the lane may
// be, in decibels; above alike, nobody can tell.
const (
	pixelsLoss = 0.2
	alike      = 55.0
)

// mustBeNoWorse compares the lane's result and that of the pixels with the model.
func mustBeNoWorse(tb testing.TB, data []byte, orientation int, text string) {
	tb.Helper()
	lane, pixels := losses(tb, data, orientation, text)
	mustLoseNoMore(tb, text, lane, pixels, pixelsLoss)
}

// mustLoseNoMore compares mean square errors, of the full range.
func mustLoseNoMore(tb testing.TB, text string, lane, pixels, most float64) {
	tb.Helper()
	decibels := func(loss float64) float64 { return -10 * math.Log10(loss) }
	if decibels(lane) < min(decibels(pixels), alike)-most {
		tb.Errorf("%s has %.2f dB, and through pixels %.2f", text, decibels(lane), decibels(pixels))
	}
}

// losses are how far from the model the lane's result is and that of the pixels.
func losses(tb testing.TB, data []byte, orientation int, text string) (lane, pixels float64) {
	tb.Helper()
	fast, result := run(tb, data, text)
	slow, told := run(tb, data, "lane:off/"+text)
	if result.Facts.Lane != "coefficient" || told.Facts.Lane != "pixels" {
		tb.Fatalf("%s takes the lanes %s and %s", text, result.Facts.Lane, told.Facts.Lane)
	}
	mustSayTheSame(tb, text, result, told)
	want := modelled(toPNG(tb, data, "jpegload_source", 0), orientation, text)
	if got := result.Outputs[0]; got.Width != want.Bounds().Dx() || got.Height != want.Bounds().Dy() {
		tb.Fatalf("%s makes %d x %d, want %v", text, got.Width, got.Height, want.Bounds())
	}
	loss := func(out []byte) float64 {
		return math.Pow(10, -psnr(tb, toPNG(tb, out, "jpegload_source", 0), want)/10)
	}
	return loss(fast), loss(slow)
}

// TestLaneIsAsTheModel runs every operation of the lane on every sampling and
// orientation.
func TestLaneIsAsTheModel(t *testing.T) {
	m := meadow(96, 80)
	for _, sampling := range []string{"4:4:4", "4:2:2", "4:4:0", "4:2:0"} {
		for orientation := range 9 {
			t.Run(fmt.Sprint(sampling, " turned as ", orientation), func(t *testing.T) {
				how := ways(sampling)
				how.Progressive, how.Restart = orientation%3 == 2, orientation%2*3
				data := writeJPEG(t, m, how)
				if orientation > 0 {
					data = withSegment(data, 0xe1, exif(uint16(orientation)))
				}
				for i, text := range laneTests {
					if orientation < 2 || (i+orientation)%3 == 0 || strings.HasPrefix(text, "orient") {
						mustBeNoWorse(t, data, orientation, text)
					}
				}
			})
		}
	}
}

// TestLaneOfUnevenSizes has last units that are filled up, which no one may see.
// What a few pixels lose is a matter of luck, so many pictures are taken together,
// and less is asked of them.
func TestLaneOfUnevenSizes(t *testing.T) {
	for _, sampling := range []string{"4:4:4", "4:2:2", "4:4:0", "4:2:0"} {
		for size, pictures := range map[image.Point]uint64{{101, 83}: 1, {31, 33}: 4, {7, 5}: 25, {16, 1}: 25} {
			most := pixelsLoss
			if pictures > 4 {
				most = 1
			}
			for _, text := range []string{"swap", "invert", "orient:5", "grayscale", "swap:gbr/orient:5/contrast:0.7", "strip"} {
				t.Run(fmt.Sprint(sampling, size, text), func(t *testing.T) {
					var lane, pixels float64
					for seed := range pictures {
						a, b := losses(t, writeJPEG(t, meadowOf(seed, size.X, size.Y), ways(sampling)), 0, text)
						lane, pixels = lane+a/float64(pictures), pixels+b/float64(pictures)
					}
					mustLoseNoMore(t, text, lane, pixels, most)
				})
			}
		}
	}
}

// patches are rectangles of colours at the ends of their range, one over another.
// No two blocks are the same, so that no luck of one is that of all.
func patches(w, h int) image.Image {
	random := rand.New(rand.NewPCG(6, 3))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for range w * h / 20 {
		at := image.Pt(random.IntN(w)-5, random.IntN(h)-5)
		c := color.NRGBA{R: uint8(255 * random.IntN(2)), G: uint8(255 * random.IntN(2)), B: uint8(255 * random.IntN(2)), A: 255}
		draw.Draw(m, image.Rectangle{at, at.Add(image.Pt(3+random.IntN(20), 3+random.IntN(20)))}, image.NewUniform(c), image.Point{}, draw.Src)
	}
	return flatten(m, color.White)
}

// TestSaturatedColoursInTheLane: blocks with sharp edges of colours at the ends of
// their range hold some beyond it, which decoders stop there.
func TestSaturatedColoursInTheLane(t *testing.T) {
	for _, sampling := range []string{"4:4:4", "4:2:2", "4:4:0", "4:2:0"} {
		how := ways(sampling)
		for i := range how.Tables {
			for k := range how.Tables[i] {
				how.Tables[i][k] *= 6
			}
		}
		data, noisy := writeJPEG(t, patches(160, 128), how), writeJPEG(t, eightBit(opaque(noise(160, 128))), how)
		for _, text := range []string{"swap", "swap:gbr", "invert", "grayscale", "saturation:0.4", "contrast:0.6", "rotate:90", "swap/flop/saturation:0.6", "grayscale/invert/rotate:90"} {
			mustBeNoWorse(t, data, 0, text)
			mustBeNoWorse(t, noisy, 0, text)
		}
	}
}

// TestGreyInTheLane: one component, which others of no colour leave alone.
func TestGreyInTheLane(t *testing.T) {
	how := ways("4:4:4")
	how.Components = how.Components[:1]
	for _, size := range []image.Point{{96, 80}, {101, 83}} {
		data := writeJPEG(t, greyed(meadow(size.X, size.Y)), how)
		for _, text := range []string{"invert", "contrast:0.6/brightness:-0.2", "orient:5", "saturation:3", "grayscale", "invert/swap"} {
			mustBeNoWorse(t, data, 0, text)
		}
	}
}

// TestPixelsMoveWithoutLoss: where chroma is as dense as luma, a lossless step
// gives what the source's decoder gave, but for its rounding: one step of chroma
// is 1.8 of blue, one of luma is another.
func TestPixelsMoveWithoutLoss(t *testing.T) {
	data := withSegment(writeJPEG(t, meadow(96, 80), ways("4:4:4")), 0xe1, exif(8))
	before := toPNG(t, data, "jpegload_source", 0)
	for _, text := range []string{"flip", "flop", "rotate:90", "rotate:180", "rotate:270", "orient:3", "crop:40x40:x=8:y=24", "strip", "flip/rotate:90/crop:31x33:x=16:y=8"} {
		out, result := run(t, data, text)
		if result.Facts.Lane != "coefficient" {
			t.Fatalf("%s takes the lane %s", text, result.Facts.Lane)
		}
		got, want := newGrid(toPNG(t, out, "jpegload_source", 0), 0), newGrid(modelled(before, 8, text), 0)
		for i, c := range want.at {
			for k := range c {
				if math.Abs(got.at[i][k]-c[k]) > 3 {
					t.Fatalf("%s: pixel %d,%d is %v, want %v", text, i%got.w, i/got.w, got.at[i], c)
				}
			}
		}
	}
}

// TestRandomSequencesInTheLane: any sequence is what its steps are, one by one.
func TestRandomSequencesInTheLane(t *testing.T) {
	samplings, taken := []string{"4:4:4", "4:2:2", "4:4:0", "4:2:0"}, 0
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 6))
		sampling, orientation := samplings[random.IntN(4)], random.IntN(9)
		data := writeJPEG(t, meadow(64+16*random.IntN(3)+random.IntN(2), 48+16*random.IntN(3)+random.IntN(2)), ways(sampling))
		if orientation > 0 {
			data = withSegment(data, 0xe1, exif(uint16(orientation)))
		}
		text := randomSequence(random)
		if _, result, err := try(t, data, text); err != nil || result.Facts.Lane != "coefficient" {
			continue // which TestWhichPipelinesTakeTheLane judges
		}
		taken++
		t.Run(fmt.Sprintf("seed %d: %s turned as %d, %s", seed, sampling, orientation, text), func(t *testing.T) {
			mustBeNoWorse(t, data, orientation, text)
		})
	}
	if taken < 50 {
		t.Errorf("only %d of the sequences take the lane", taken)
	}
}

func randomSequence(random *rand.Rand) string {
	var steps []string
	for range 1 + random.IntN(6) {
		switch random.IntN(10) {
		case 0:
			steps = append(steps, "swap:"+permutations[1+random.IntN(5)])
		case 1:
			steps = append(steps, "invert")
		case 2:
			steps = append(steps, fmt.Sprintf("contrast:%.2f", 0.3+0.7*random.Float64()))
		case 3:
			steps = append(steps, fmt.Sprintf("saturation:%.2f", random.Float64()))
		case 4:
			steps = append(steps, fmt.Sprintf("brightness:%.2f", 0.3*random.Float64()-0.15))
		case 5:
			steps = append(steps, fmt.Sprintf("orient:%d", 1+random.IntN(8)))
		case 6:
			steps = append(steps, fmt.Sprintf("rotate:%d", 90*random.IntN(4)))
		case 7:
			steps = append(steps, fmt.Sprintf("crop:%dx%d:x=%d:y=%d", 8+random.IntN(90), 8+random.IntN(90), 16*random.IntN(2), 16*random.IntN(2)))
		case 8:
			steps = append(steps, []string{"flip", "flop"}[random.IntN(2)])
		case 9:
			steps = append(steps, []string{"strip", "strip:gps", "grayscale", "orient"}[random.IntN(4)])
		}
	}
	return strings.Join(steps, "/")
}
