package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	_ "golang.org/x/image/tiff" // registers its decoder
	_ "golang.org/x/image/webp" // registers its decoder
)

// cmdImage is `image FILE jpeg|png|png16|noise|raw|gif WIDTH HEIGHT`: it draws a picture.
func cmdImage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: image FILE jpeg|png|png16|noise|raw|gif WIDTH HEIGHT")
	}
	w, err := strconv.Atoi(args[2])
	ts.Check(err)
	h, err := strconv.Atoi(args[3])
	ts.Check(err)
	var buf bytes.Buffer
	switch args[1] {
	case "jpeg":
		err = jpeg.Encode(&buf, picture(w, h), &jpeg.Options{Quality: 90})
	case "png":
		err = png.Encode(&buf, picture(w, h))
	case "png16":
		err = png.Encode(&buf, deepPicture(w, h))
	case "raw":
		m := image.NewNRGBA(image.Rect(0, 0, w, h))
		for i := range m.Pix {
			m.Pix[i] = uint8(i>>4) | uint8(i&3/3*255) // opaque, so three bytes a pixel
		}
		err = (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&buf, m)
	case "noise":
		err = png.Encode(&buf, noise(w, h))
	case "gif":
		err = gif.Encode(&buf, picture(w, h), nil)
	default:
		ts.Fatalf("no format %s", args[1])
	}
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), buf.Bytes(), 0o600))
}

// picture is smooth, so that JPEG keeps it well, and different in each channel.
func picture(w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{uint8(40 + 180*x/w), uint8(60 + 100*y/h), uint8(200 - 150*x/w), 255})
		}
	}
	return m
}

// noise is as large in a file as in memory.
func noise(w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	_, _ = rand.NewChaCha8([32]byte{}).Read(m.Pix)
	return m
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
	if d := distance(before, after); (d <= tolerance) == neg {
		ts.Fatalf("the mean distance is %.3f", d)
	}
}

func decode(ts *testscript.TestScript, name string) (image.Image, string) {
	m, format, err := image.Decode(bytes.NewReader([]byte(ts.ReadFile(name))))
	ts.Check(err)
	return m, format
}

// distance is the mean difference of the channels, in 255ths, when a's red and
// blue trade places.
func distance(a, b image.Image) float64 {
	var sum, n float64
	r := a.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			p := color.NRGBA64Model.Convert(a.At(x, y)).(color.NRGBA64)
			q := color.NRGBA64Model.Convert(b.At(x, y)).(color.NRGBA64)
			for _, d := range []int{int(p.R) - int(q.B), int(p.G) - int(q.G), int(p.B) - int(q.R), int(p.A) - int(q.A)} {
				sum += float64(max(d, -d)) / 257
				n++
			}
		}
	}
	return sum / n
}

func digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}
