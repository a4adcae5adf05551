package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// load reads the JPEGs of a folder, or makes one of 12 megapixels.
func load(dir string) ([][]byte, error) {
	if dir == "" {
		return [][]byte{photograph()}, nil
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no *.jpg in %s", dir)
	}
	var images [][]byte
	for _, p := range paths {
		img, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	return images, nil
}

// tinyImage costs next to nothing to alter.
func tinyImage() []byte {
	var buf bytes.Buffer
	_ = jpeg.Encode(&buf, image.NewRGBA(image.Rect(0, 0, 16, 16)), nil) // a buffer takes everything
	return buf.Bytes()
}

// photograph is of the size in bytes that a camera's 12 megapixels have: slopes
// with a sensor's noise.
func photograph() []byte {
	const w, h, noise = 4000, 3000, 12
	random := rand.New(rand.NewPCG(1, 2))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			n := random.IntN(noise)
			m.SetRGBA(x, y, color.RGBA{uint8(40 + 180*x/w + n), uint8(60 + 100*y/h + n), uint8(200 - 150*x/w + n), 255})
		}
	}
	var buf bytes.Buffer
	_ = jpeg.Encode(&buf, m, &jpeg.Options{Quality: 85}) // a buffer takes everything
	return buf.Bytes()
}
