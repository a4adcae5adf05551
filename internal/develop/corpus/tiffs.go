package corpus

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
)

var little, big binary.AppendByteOrder = binary.LittleEndian, binary.BigEndian

// TIFFs are in strips and tiles, of all depths, compressions and meanings of
// their samples, with alpha of both kinds, and of several pages.
func TIFFs() []*Image {
	var all []*Image
	for _, depth := range []int{8, 16} {
		for _, order := range []binary.AppendByteOrder{little, big} {
			for _, c := range []uint16{tiffNone, tiffLZW, tiffDeflate, tiffPackBits} {
				all = append(all, plainTIFF(tiffPage{order: order, depth: depth, compression: c, rows: 10, predictor: c == tiffLZW || c == tiffDeflate}))
			}
		}
		all = append(all,
			plainTIFF(tiffPage{order: little, depth: depth, compression: tiffDeflate, tile: 16}),
			plainTIFF(tiffPage{order: big, depth: depth, compression: tiffNone, tile: 32}),
			plainTIFF(tiffPage{order: little, depth: depth, compression: tiffLZW, rows: height, planes: true}),
			alphaTIFF(depth, 1), alphaTIFF(depth, 2), greyTIFF(depth, tiffMinIsBlack), greyTIFF(depth, tiffMinIsWhite), pressTIFF(depth, true))
	}
	return append(all, greyTIFF(1, tiffMinIsBlack), greyTIFF(1, tiffMinIsWhite), greyTIFF(4, tiffMinIsBlack), paletteTIFF(8), paletteTIFF(4),
		pressTIFF(8, false), jpegTIFF(false), jpegTIFF(true), pagesTIFF())
}

func (p tiffPage) name(what string) string {
	return fmt.Sprintf("tiff %s %d, compression %d, %v, tile %d, planes %v", what, p.depth, p.compression, p.order, p.tile, p.planes)
}

func plainTIFF(p tiffPage) *Image {
	m := levels(slopes(width, height), p.depth)
	p.size, p.channels, p.meaning = m.Rect.Size(), 3, tiffRGB
	out := &Image{
		Name: p.name("rgb"), Format: "tiff", Frames: still(m), Depth: p.depth,
		Data: tiffOf(p.order, p.fields(samples(m, p.depth, 0, 1, 2))),
	}
	if p.planes {
		out.Blind = "Go's decoder does not know planes"
	}
	return out
}

// alphaTIFF has alpha that the colours are multiplied with (1) or not (2).
func alphaTIFF(depth int, kind uint16) *Image {
	m := levels(veiled(width, height), depth)
	p := tiffPage{order: little, size: m.Rect.Size(), depth: depth, channels: 4, meaning: tiffRGB, alpha: kind, compression: tiffDeflate, rows: 8}
	out := &Image{Name: fmt.Sprintf("tiff rgba %d, alpha of kind %d", depth, kind), Format: "tiff", Frames: still(m), Depth: depth, Alpha: true}
	file := m
	if kind == 1 {
		file = mapped(m, func(c [4]float64) [4]float64 { return [4]float64{c[0] * c[3], c[1] * c[3], c[2] * c[3], c[3]} })
		out.Within, out.Near = Rounded, Rounded
	}
	out.Data = tiffOf(p.order, p.fields(samples(file, depth, 0, 1, 2, 3)))
	return out
}

func greyTIFF(depth int, meaning uint16) *Image {
	m := levels(grey(), depth)
	file := m
	if meaning == tiffMinIsWhite {
		file = mapped(m, func(c [4]float64) [4]float64 { return [4]float64{1 - c[0], 0, 0, 1} })
	}
	p := tiffPage{order: big, size: m.Rect.Size(), depth: depth, channels: 1, meaning: meaning, compression: tiffDeflate, rows: 11}
	out := &Image{
		Name: fmt.Sprintf("tiff grey %d, %d is black", depth, 1-meaning), Format: "tiff", Frames: still(m), Depth: depth,
		Data: tiffOf(p.order, p.fields(samples(file, depth, 0))),
	}
	if depth == 4 {
		out.Blind = "Go's decoder does not know the depth"
	}
	return out
}

func paletteTIFF(depth int) *Image {
	count := 1 << depth
	table := make([]uint16, 3*count)
	for i := range count {
		table[i], table[count+i], table[2*count+i] = uint16(10000+40000*i/count), uint16(50000-30000*i/count), uint16(i*9973%40000+8000)
	}
	at := func(x, y int) int { return (x/3 + y/3*5) % count }
	m := image.NewNRGBA64(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			i := at(x, y)
			m.SetNRGBA64(x, y, color.NRGBA64{R: table[i], G: table[count+i], B: table[2*count+i], A: 65535})
		}
	}
	p := tiffPage{
		order: little, size: m.Rect.Size(), depth: depth, channels: 1, meaning: tiffIndexed, compression: tiffLZW, rows: 20,
		more: []field{short(320, table...)},
	}
	out := &Image{
		Name: fmt.Sprintf("tiff palette %d", depth), Format: "tiff", Frames: still(m), Depth: 8, Within: Rounded, Near: Rounded,
		Data: tiffOf(p.order, p.fields(func(x, y int) []uint16 { return []uint16{uint16(at(x, y))} })),
	}
	if depth == 4 {
		out.Blind = "Go's decoder does not know the depth"
	}
	return out
}

func pressTIFF(depth int, profile bool) *Image {
	m := slopes(width, height)
	ink := mapped(m, func(c [4]float64) [4]float64 { return inks(c, shade) })
	p := tiffPage{order: big, size: m.Rect.Size(), depth: depth, channels: 4, meaning: tiffCMYK, compression: tiffLZW, rows: 16}
	out := &Image{
		Name: fmt.Sprintf("tiff CMYK %d", depth), Format: "tiff", Frames: still(m), Depth: depth, Within: Guessed, Near: Guessed, Press: true,
		Blind: "Go's decoder does not know print colours",
	}
	if profile {
		out.Profile, out.Name, out.Within, out.Near = Press(), out.Name+" with a profile", Tolerance{2, 6}, Tolerance{2, 6}
		p.more = []field{octets(34675, kindUndefined, out.Profile)}
	}
	out.Data = tiffOf(p.order, p.fields(samples(ink, depth, 0, 1, 2, 3)))
	return out
}

// jpegTIFF has a JPEG for each strip, of luma and chroma or of colours.
func jpegTIFF(colours bool) *Image {
	m := slopes(width, height)
	p := tiffPage{order: little, size: m.Rect.Size(), depth: 8, channels: 3, meaning: tiffYCbCr, compression: tiffJPEG, rows: 16}
	p.more = []field{short(530, 1, 1)}
	if colours {
		p.meaning, p.more = tiffRGB, nil
	}
	p.jpeg = func(r image.Rectangle) []byte {
		strip := plain(m.SubImage(r))
		planes := []plane{luma(strip), chroma(strip, 2), chroma(strip, 0)}
		if colours {
			planes = []plane{channel(strip, 0), channel(strip, 1), channel(strip, 2)}
		}
		return jpegFile{factors: Samplings[0].Factors}.encode(strip.Rect.Size(), planes...)
	}
	return &Image{
		Name: fmt.Sprintf("tiff of JPEGs, colours %v", colours), Format: "tiff", Frames: still(m), Depth: 8, Within: Lossy, Near: Lossy,
		Data: tiffOf(p.order, p.fields(nil)), Blind: "Go's decoder does not know JPEG in TIFF",
	}
}

// pagesTIFF has three pages of one size.
func pagesTIFF() *Image {
	out := &Image{Name: "tiff of three pages", Format: "tiff", Depth: 8}
	var pages [][]field
	for i := range 3 {
		m := levels(darker(slopes(width, height), float64(i)/4), 8)
		out.Frames = append(out.Frames, Frame{Image: m})
		p := tiffPage{order: little, size: m.Rect.Size(), depth: 8, channels: 3, meaning: tiffRGB, compression: tiffLZW, rows: 20}
		pages = append(pages, p.fields(samples(m, 8, 0, 1, 2)))
	}
	out.Data = tiffOf(little, pages...)
	return out
}
