package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"minilab/internal/develop"
	"minilab/internal/pipeline"
)

const (
	width, height = 320, 240
	gap           = 12
)

// drawAll makes the picture of every operation: on the left what its example is
// given, on the right what becomes of it.
func drawAll(folder string) error {
	if _, err := develop.WarmUp(); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, op := range pipeline.Ops() {
		data, err := picture(op)
		if err != nil {
			return fmt.Errorf("%s: %w", op.Name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, op.Name+".webp"), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func picture(op pipeline.Op) ([]byte, error) {
	source, err := sourceOf(op.Name)
	if err != nil {
		return nil, err
	}
	before, err := look(source)
	if err != nil {
		return nil, err
	}
	result, err := run(source, op.Example)
	if err != nil {
		return nil, err
	}
	after, err := look(result)
	if err != nil {
		return nil, err
	}
	return run(encodePNG(beside(before, after)), "webp:75:effort=6")
}

// look is an image as a viewer shows it, its first frame if it moves.
func look(data []byte) (image.Image, error) {
	plain, err := run(data, "partial/orient/png")
	if err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(plain))
}

// beside puts two images next to each other, on the chequers that stand for what
// is transparent.
func beside(a, b image.Image) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, a.Bounds().Dx()+gap+b.Bounds().Dx(), max(a.Bounds().Dy(), b.Bounds().Dy())))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	put := func(m image.Image, x int) {
		area := image.Rect(x, 0, x+m.Bounds().Dx(), m.Bounds().Dy())
		draw.Draw(out, area, chequers{}, area.Min, draw.Src)
		draw.Draw(out, area, m, m.Bounds().Min, draw.Over)
	}
	put(a, 0)
	put(b, a.Bounds().Dx()+gap)
	return out
}

type chequers struct{}

func (chequers) ColorModel() color.Model { return color.GrayModel }
func (chequers) Bounds() image.Rectangle { return image.Rect(-1e9, -1e9, 1e9, 1e9) }
func (chequers) At(x, y int) color.Color {
	if (x/8+y/8)%2 == 0 {
		return color.Gray{Y: 225}
	}
	return color.Gray{Y: 250}
}

// sourceOf is what an operation's example is shown on.
func sourceOf(op string) ([]byte, error) {
	switch op {
	case "page", "frames":
		return film()
	case "background", "channel":
		return encodePNG(cutOut(scene(0))), nil
	case "trim":
		framed := image.NewNRGBA(image.Rect(0, 0, width, height))
		draw.Draw(framed, framed.Bounds(), image.NewUniform(color.NRGBA{R: 240, G: 240, B: 240, A: 255}), image.Point{}, draw.Src)
		draw.Draw(framed, image.Rect(40, 50, width-60, height-30), scene(0), image.Pt(40, 50), draw.Src)
		return encodePNG(framed), nil
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, scene(0), &jpeg.Options{Quality: 92}); err != nil {
		return nil, err
	}
	if op == "partial" {
		return b.Bytes()[:b.Len()*6/10], nil
	}
	return b.Bytes(), nil
}

// film is the scene while the sun goes down.
func film() ([]byte, error) {
	var g gif.GIF
	for i := range 3 {
		frame := image.NewPaletted(image.Rect(0, 0, width, height), palette.Plan9)
		draw.FloydSteinberg.Draw(frame, frame.Bounds(), scene(float64(i)*0.25), image.Point{})
		g.Image, g.Delay = append(g.Image, frame), append(g.Delay, 40)
	}
	var b bytes.Buffer
	err := gif.EncodeAll(&b, &g)
	return b.Bytes(), err
}

func encodePNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // memory takes all writes
	}
	return b.Bytes()
}

// run has the engine's own code do a pipeline.
func run(data []byte, text string) ([]byte, error) {
	p, err := pipeline.Parse(text)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("picture", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "picture")
	defer file.Close()
	job := develop.Job{
		Input: data, Outputs: []develop.Target{{Pipeline: p, File: fd}},
		Attachments: map[string][]byte{"logo": encodePNG(logo())},
		Limits:      develop.Limits{MaxPixels: 1 << 24, MaxFrames: 10, MaxPages: 10, MaxOutput: 1 << 24},
	}
	if _, err := develop.Develop(job); err != nil {
		return nil, err
	}
	return os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", fd))
}
