package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"minilab/internal/pipeline"
)

// photo is a JPEG, in memory for the engine and as a file for the others.
type photo struct {
	path    string
	data    []byte
	quality int // as the engine judges it
	pixels  int
}

// sizes of the photographs that are made: a telephone's, upright and not, and a
// camera's.
var sizes = []image.Point{{4000, 3000}, {3024, 4032}, {6000, 4000}}

// photographs are those of the folder, or some that are made.
func photographs(ctx context.Context, o options) ([]photo, error) {
	var all []photo
	if o.photos == "" {
		for i, size := range sizes {
			p, err := makePhoto(o.dir, size, uint64(i))
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
	} else {
		paths, err := filepath.Glob(filepath.Join(o.photos, "*.jpg"))
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("no *.jpg in %s", o.photos)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			all = append(all, photo{path: path, data: data})
		}
	}
	return all, judge(ctx, all)
}

// judge has the engine tell the photographs' qualities, so that the others write
// as many bytes as it does.
func judge(ctx context.Context, photos []photo) error {
	e, err := startEngine(1)
	if err != nil {
		return err
	}
	defer e.close()
	for i := range photos {
		r, err := e.run(ctx, pipeline.Default(), photos[i])
		if err != nil {
			return fmt.Errorf("%s: %w", photos[i].path, err)
		}
		photos[i].quality, photos[i].pixels = 85, count(r.Facts, "width")*count(r.Facts, "height")
		if q := count(r.Facts, "quality"); q > 0 {
			photos[i].quality = q
		}
		r.Close()
	}
	return nil
}

// resampled are a photograph in further samplings of chroma.
func resampled(ctx context.Context, dir string, p photo) (all []photo, err error) {
	e, err := startEngine(1)
	if err != nil {
		return nil, err
	}
	defer e.close()
	for _, sampling := range []string{"422", "440", "444"} {
		line, err := pipeline.Parse("jpeg:90:sampling=" + sampling)
		if err != nil {
			return nil, err
		}
		result, err := e.run(ctx, line, p)
		if err != nil {
			return nil, err
		}
		more := photo{path: filepath.Join(dir, sampling+".jpg"), quality: 90, pixels: p.pixels}
		more.data, err = io.ReadAll(result.Outputs[0].Reader())
		result.Close()
		if err := errors.Join(err, os.WriteFile(more.path, more.data, 0o600)); err != nil {
			return nil, err
		}
		all = append(all, more)
	}
	return all, nil
}

func count(facts map[string]any, name string) int {
	n, _ := facts[name].(int)
	return n
}

func makePhoto(dir string, size image.Point, seed uint64) (photo, error) {
	var buf bytes.Buffer
	_ = jpeg.Encode(&buf, scene(size, seed), &jpeg.Options{Quality: 90}) // a buffer takes everything
	path := filepath.Join(dir, fmt.Sprintf("%dx%d-%d.jpg", size.X, size.Y, seed))
	return photo{path: path, data: buf.Bytes()}, os.WriteFile(path, buf.Bytes(), 0o600)
}

const sensorNoise = 12 // of 255, from the darkest to the brightest

// scene has what a photograph has: slopes, texture on every scale that is the
// weaker the finer it is, hard edges, and a sensor's noise. So its file has a
// photograph's size.
func scene(size image.Point, seed uint64) image.Image {
	rng := rand.New(rand.NewPCG(seed, 0))
	m := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
	light, blue, red := newTexture(rng, size, 9), newTexture(rng, size, 3), newTexture(rng, size, 3)
	things := discs(rng, size)
	for y := range size.Y {
		for x := range size.X {
			v := light.at(x, y) + float64(rng.IntN(sensorNoise))
			for _, d := range things {
				if d.covers(x, y) {
					v = 0.5*v + d.shade
				}
			}
			m.Y[m.YOffset(x, y)] = level(v)
			if c := m.COffset(x, y); x&1 == 0 && y&1 == 0 {
				m.Cb[c], m.Cr[c] = chroma(v, blue.at(x, y)), chroma(v, red.at(x, y))
			}
		}
	}
	return m
}

// chroma is the weaker the nearer luma is to black and white, as that of colours
// on a screen is: no camera writes others.
func chroma(luma, v float64) uint8 {
	room := max(0, min(luma, 255-luma)) / 128
	return level(128 + room*(0.5*v-64))
}

func level(v float64) uint8 { return uint8(math.Max(0, math.Min(255, v))) }

// disc is a thing in the scene, with an edge.
type disc struct {
	x, y, r int
	shade   float64
}

func discs(rng *rand.Rand, size image.Point) []disc {
	all := make([]disc, 12)
	for i := range all {
		all[i] = disc{rng.IntN(size.X), rng.IntN(size.Y), size.X/40 + rng.IntN(size.X/12), 120 * rng.Float64()}
	}
	return all
}

func (d disc) covers(x, y int) bool {
	dx, dy := x-d.x, y-d.y
	return dx*dx+dy*dy < d.r*d.r
}
