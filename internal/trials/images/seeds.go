package images

import (
	"bytes"
	"embed"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"path"
	"strings"

	"golang.org/x/image/tiff"

	"minilab/internal/trials"
)

// Seed is a good image that others are made from.
type Seed struct {
	Name   string
	Format string // as minilab calls it
	Data   []byte
}

// testdata are small images in what Go cannot write; its README tells how they
// were made.
//
//go:embed testdata
var testdata embed.FS

// Seeds are good images in every way in which the formats are written.
func Seeds() []Seed {
	return append(stored(), written()...)
}

func stored() []Seed {
	entries, _ := testdata.ReadDir("testdata") // embedded, so it is there
	var all []Seed
	for _, e := range entries {
		if e.Name() == "README.md" {
			continue
		}
		data, _ := testdata.ReadFile("testdata/" + e.Name())
		all = append(all, Seed{e.Name(), formatOf(e.Name()), data})
	}
	return all
}

func formatOf(name string) string {
	extension := strings.TrimPrefix(path.Ext(name), ".")
	switch extension {
	case "jpg":
		return "jpeg"
	case "tif":
		return "tiff"
	}
	return extension
}

// written are what Go can write by itself.
func written() []Seed {
	m := trials.Picture(40, 28)
	deep := image.NewNRGBA64(m.Bounds())
	grey := image.NewGray(m.Bounds())
	coloured := image.NewPaletted(m.Bounds(), palette.WebSafe)
	bilevel := image.NewPaletted(m.Bounds(), color.Palette{color.Black, color.White})
	for _, to := range []draw.Image{deep, grey, coloured, bilevel} {
		draw.Draw(to, m.Bounds(), m, image.Point{}, draw.Src)
	}
	deep.SetNRGBA64(1, 1, color.NRGBA64{1, 2, 3, 4})
	all := []Seed{
		{"interlaced.png", "png", InterlacedPNG(40, 28)},
		{"animated.png", "png", animatedPNG()},
		{"animated.gif", "gif", animatedGIF(coloured, bilevel)},
	}
	for _, s := range []struct {
		name string
		m    image.Image
	}{
		{"rgb.png", m}, {"16bit.png", deep}, {"grey.png", grey}, {"palette.png", coloured}, {"1bit.png", bilevel},
		{"420.jpg", m}, {"grey.jpg", grey}, {"plain.gif", coloured}, {"plain.tif", m},
	} {
		all = append(all, encode(s.name, s.m))
	}
	return all
}

func encode(name string, m image.Image) Seed {
	var b bytes.Buffer
	var err error
	switch formatOf(name) {
	case "png":
		err = png.Encode(&b, m)
	case "gif":
		err = gif.Encode(&b, m, nil)
	case "tiff":
		err = tiff.Encode(&b, m, nil)
	default:
		err = jpeg.Encode(&b, m, nil)
	}
	if err != nil {
		panic(err) // of images that are always the same
	}
	return Seed{name, formatOf(name), b.Bytes()}
}

func animatedGIF(frames ...*image.Paletted) []byte {
	var b bytes.Buffer
	all := &gif.GIF{Image: frames, Delay: make([]int, len(frames)), Disposal: []byte{gif.DisposalBackground, gif.DisposalPrevious}}
	if err := gif.EncodeAll(&b, all); err != nil {
		panic(err) // of images that are always the same
	}
	return b.Bytes()
}

// photo is a JPEG as cameras write them.
func photo() []byte { return encode("420.jpg", trials.Picture(40, 28)).Data }
