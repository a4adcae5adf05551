package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"minilab/internal/trials"
)

// cmdImage is `image FILE jpeg|png|png16|noise|raw|gif|red WIDTH HEIGHT`: it draws a picture.
func cmdImage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: image FILE jpeg|png|png16|noise|raw|gif|red WIDTH HEIGHT")
	}
	w, err := strconv.Atoi(args[2])
	ts.Check(err)
	h, err := strconv.Atoi(args[3])
	ts.Check(err)
	var buf bytes.Buffer
	switch args[1] {
	case "jpeg":
		err = jpeg.Encode(&buf, trials.Picture(w, h), &jpeg.Options{Quality: 90})
	case "png":
		err = png.Encode(&buf, trials.Picture(w, h))
	case "png16":
		err = png.Encode(&buf, deepPicture(w, h))
	case "raw":
		m := image.NewNRGBA(image.Rect(0, 0, w, h))
		for i := range m.Pix {
			m.Pix[i] = uint8(i>>4) | uint8(i&3/3*255) // opaque, so three bytes a pixel
		}
		err = (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&buf, m)
	case "red":
		m := image.NewNRGBA(image.Rect(0, 0, w, h))
		draw.Draw(m, m.Rect, image.NewUniform(color.NRGBA{R: 255, A: 255}), image.Point{}, draw.Src)
		err = png.Encode(&buf, m)
	case "noise":
		err = png.Encode(&buf, trials.Noise(w, h))
	case "gif":
		err = gif.Encode(&buf, trials.Picture(w, h), nil)
	default:
		ts.Fatalf("no format %s", args[1])
	}
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), buf.Bytes(), 0o600))
}

func deepPicture(w, h int) image.Image {
	m := image.NewNRGBA64(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA64(x, y, color.NRGBA64{uint16(65535 * x / w), uint16(257*y + x), uint16(65535 * y / h), uint16(65535 - 100*x)})
		}
	}
	return m
}

// cmdSwapped is `swapped BEFORE AFTER TOLERANCE`: both are of one format, and
// every pixel of AFTER is that of BEFORE with red and blue in each other's
// place, on the average at most TOLERANCE (of 255) away.
func cmdSwapped(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: swapped BEFORE AFTER TOLERANCE")
	}
	before, beforeFormat := decode(ts, args[0])
	after, afterFormat := decode(ts, args[1])
	if beforeFormat != afterFormat || before.Bounds() != after.Bounds() {
		ts.Fatalf("%s %v became %s %v", beforeFormat, before.Bounds(), afterFormat, after.Bounds())
	}
	tolerance, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	if d := trials.Distance(before, after); (d <= tolerance) == neg {
		ts.Fatalf("the mean distance is %.3f", d)
	}
}

// cmdPixel is `pixel FILE X Y RED GREEN BLUE TOLERANCE`: no channel of that pixel
// is further from it.
func cmdPixel(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 7 {
		ts.Fatalf("usage: pixel FILE X Y RED GREEN BLUE TOLERANCE")
	}
	var n [6]int
	for i, arg := range args[1:] {
		v, err := strconv.Atoi(arg)
		ts.Check(err)
		n[i] = v
	}
	m, _ := decode(ts, args[0])
	c := color.NRGBAModel.Convert(m.At(n[0], n[1])).(color.NRGBA) //nolint:forcetypeassert // it is that model's
	far := 0
	for i, v := range []uint8{c.R, c.G, c.B} {
		far = max(far, int(v)-n[2+i], n[2+i]-int(v))
	}
	if (far <= n[5]) == neg {
		ts.Fatalf("the pixel at %d,%d is %v", n[0], n[1], c)
	}
}

func decode(ts *testscript.TestScript, name string) (image.Image, string) {
	m, format, err := image.Decode(bytes.NewReader([]byte(ts.ReadFile(name))))
	ts.Check(err)
	return m, format
}

func digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}
