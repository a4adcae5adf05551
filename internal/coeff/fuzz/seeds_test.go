//go:build !system

package fuzz

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"minilab/internal/develop/corpus"
)

const orderBytes = 12 // ORDER_BYTES in harness/order.h

// small are the sizes of seeds that are mutated; large is too slow for that.
var (
	small = []image.Point{{1, 1}, {7, 9}, {16, 16}, {17, 1}, {33, 47}, {90, 70}}
	large = []image.Point{{1021, 767}, {16, 12000}}
)

// photos are the JPEGs that come with Go.
func photos(t *testing.T) []*corpus.Image {
	t.Helper()
	all, err := corpus.Goroot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(i *corpus.Image) bool { return i.Format != "jpeg" })
	if len(all) == 0 {
		t.Fatal("no JPEG comes with Go")
	}
	return all
}

// tiled is a picture, over and over, as bytes of red, green and blue.
func tiled(m *image.NRGBA64, size image.Point) []byte {
	out := make([]byte, 0, 3*size.X*size.Y)
	for y := range size.Y {
		for x := range size.X {
			c := m.NRGBA64At(m.Rect.Min.X+x%m.Rect.Dx(), m.Rect.Min.Y+y%m.Rect.Dy())
			out = append(out, byte(c.R>>8), byte(c.G>>8), byte(c.B>>8))
		}
	}
	return out
}

// encoded are JPEGs of every kind that harness/seeds.c knows.
func encoded(t *testing.T, program string, sizes []image.Point) [][]byte {
	t.Helper()
	m, dir := photos(t)[0].Frames[0].Image, t.TempDir()
	for _, s := range sizes {
		prefix := filepath.Join(dir, fmt.Sprintf("%dx%d", s.X, s.Y))
		cmd := exec.CommandContext(t.Context(), program, strconv.Itoa(s.X), strconv.Itoa(s.Y), prefix)
		cmd.Stdin = bytes.NewReader(tiled(m, s))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", s, err, out)
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	var all [][]byte
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// others are the JPEGs that come with Go and the corpus', of all samplings and
// colours, and what some of those given become when they are cut off or stretched.
func others(t *testing.T, given [][]byte) [][]byte {
	t.Helper()
	var all [][]byte
	for _, i := range append(photos(t), corpus.JPEGs()...) {
		all = append(all, i.Data)
	}
	for k, data := range given {
		if k%16 == 0 {
			all = append(all, data[:len(data)*2/3], filled(data), segmented(data), promising(data, 0xff), promising(data, 0x10))
		}
	}
	return all
}

// filled has fill bytes before each marker, those behind the scan's header included.
func filled(data []byte) []byte {
	var out []byte
	for i, b := range data {
		if b == 0xff && i+1 < len(data) && data[i+1] >= 0xc0 {
			out = append(out, 0xff, 0xff)
		}
		out = append(out, b)
	}
	return out[2:] // none before the first
}

// promising is of the same data, but its header promises 256 times as many pixels
// each way as that byte says.
func promising(data []byte, side byte) []byte {
	out := bytes.Clone(data)
	for at := 2; ; at += 2 + int(data[at+2])<<8 + int(data[at+3]) {
		if data[at+1]&0xf0 == 0xc0 && data[at+1] != 0xc4 {
			copy(out[at+5:], []byte{side, side, side, side})
			return out
		}
	}
}

// segmented has many segments behind its first marker.
func segmented(data []byte) []byte {
	out := bytes.Clone(data[:2])
	for i := range 300 {
		out = append(out, 0xff, 0xe1+byte(i%12), 0, 4, byte(i), 0xff)
	}
	return append(out, data[2:]...)
}

// write writes each JPEG with some orders of its own. Names are of contents, as
// libFuzzer's are.
func write(t *testing.T, dir string, all [][]byte, orders int) []string {
	t.Helper()
	var paths []string
	for k := range len(all) * orders {
		order := sha256.Sum256([]byte(strconv.Itoa(k)))
		if k%3 == 0 {
			order[0] &^= 0xc0 // all of it, without a limit
		}
		input := append(bytes.Clone(all[k/orders]), order[:orderBytes]...)
		path := filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256(input)))
		if err := os.WriteFile(path, input, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}
