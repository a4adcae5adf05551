package develop_test

import (
	"fmt"
	"image"
	"image/color"
	"testing"

	"minilab/internal/develop/corpus"
)

// TestCorpusResized: every image that is not tiny has a third of its size, its
// sides as a viewer sees them, and the mean of what was there, frame by frame.
func TestCorpusResized(t *testing.T) {
	for _, m := range corpus.All() {
		if m.Bounds().X < 30 || m.Bounds().Y < 30 || m.Near == corpus.Guessed {
			continue
		}
		for _, to := range []string{"png:effort=1", "webp:lossless:effort=0"} {
			t.Run(to+" of "+m.Name, func(t *testing.T) {
				size := image.Pt((m.Bounds().X+1)/3, (m.Bounds().Y+1)/3)
				out, _ := run(t, m.Data, fmt.Sprintf("resize:%dx%d:fill:kernel=linear/%s", size.X, size.Y, to))
				want := m.Frames
				if to[0] == 'p' || m.Format == "tiff" {
					want = firstOf(want)
				}
				got, _ := view(t, out)
				if len(got) > 0 && got[0].Image.Rect.Size() != size {
					t.Errorf("the size is %v", got[0].Image.Rect)
				}
				want = shrunk(want, size)
				if !isSlope(m) { // filters differ much in patterns, but keep the mean of areas
					got, want = shrunk(got, image.Pt(3, 2)), shrunk(want, image.Pt(3, 2))
				}
				mustShow(t, got, want, m.Near.Plus(corpus.Tolerance{Mean: 6, Max: 16}))
			})
		}
	}
}

// isSlope says that neighbours are nearly alike everywhere.
func isSlope(m *corpus.Image) bool {
	f := m.Frames[len(m.Frames)-1].Image
	for y := 1; y < f.Rect.Dy(); y++ {
		for x := 1; x < f.Rect.Dx(); x++ {
			a, b := f.NRGBA64At(x, y), f.NRGBA64At(x-1, y-1)
			for _, d := range [4]int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B), int(a.A) - int(b.A)} {
				if max(d, -d) > 10*257 {
					return false
				}
			}
		}
	}
	return true
}

// shrunk are frames whose pixels are the mean of what they cover, as it is seen.
func shrunk(frames []corpus.Frame, size image.Point) []corpus.Frame {
	out := make([]corpus.Frame, len(frames))
	for i, f := range frames {
		m := image.NewNRGBA64(image.Rectangle{Max: size})
		for y := range size.Y {
			for x := range size.X {
				m.SetNRGBA64(x, y, meanOf(f.Image, x, y, size))
			}
		}
		out[i] = corpus.Frame{Image: m, Delay: f.Delay}
	}
	return out
}

func meanOf(m *image.NRGBA64, x, y int, size image.Point) color.NRGBA64 {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	var sum [4]float64
	n := 0.0
	for sy := y * h / size.Y; sy < (y+1)*h/size.Y; sy++ {
		for sx := x * w / size.X; sx < (x+1)*w/size.X; sx++ {
			c := m.NRGBA64At(sx, sy)
			a := float64(c.A)
			sum[0], sum[1], sum[2], sum[3] = sum[0]+a*float64(c.R), sum[1]+a*float64(c.G), sum[2]+a*float64(c.B), sum[3]+a
			n++
		}
	}
	if sum[3] == 0 {
		return color.NRGBA64{}
	}
	return color.NRGBA64{R: uint16(sum[0] / sum[3]), G: uint16(sum[1] / sum[3]), B: uint16(sum[2] / sum[3]), A: uint16(sum[3] / n)}
}
