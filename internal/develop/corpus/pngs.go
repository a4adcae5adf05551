package corpus

import (
	"fmt"
	"image"
	"image/color"
)

// PNGs are of every colour type and depth, interlaced and not, with alpha of
// each kind.
func PNGs() []*Image {
	var all []*Image
	for _, interlaced := range []bool{false, true} {
		for _, c := range []struct {
			name    string
			colours byte
			depths  []int
			take    []int
		}{
			{"grey", pngGrey, []int{1, 2, 4, 8, 16}, []int{0}},
			{"rgb", pngRGB, []int{8, 16}, []int{0, 1, 2}},
			{"grey-alpha", pngGreyAlpha, []int{8, 16}, []int{0, 3}},
			{"rgba", pngRGBA, []int{8, 16}, []int{0, 1, 2, 3}},
		} {
			for _, depth := range c.depths {
				all = append(all, pngOf(c.name, c.colours, depth, interlaced, c.take))
			}
		}
		for _, depth := range []int{1, 2, 4, 8} {
			all = append(all, palettePNG(depth, interlaced, false), palettePNG(depth, interlaced, true))
		}
		all = append(all, keyPNG(pngGrey, 4, interlaced), keyPNG(pngGrey, 8, interlaced), keyPNG(pngGrey, 16, interlaced),
			keyPNG(pngRGB, 8, interlaced), keyPNG(pngRGB, 16, interlaced))
	}
	return append(all, tinyPNG())
}

func pngOf(name string, colours byte, depth int, interlaced bool, take []int) *Image {
	m := slopes(width, height)
	alpha := colours == pngGreyAlpha || colours == pngRGBA
	if alpha {
		m = veiled(width, height)
	}
	if colours == pngGrey || colours == pngGreyAlpha {
		m = mapped(m, func(c [4]float64) [4]float64 { return [4]float64{c[0], c[0], c[0], c[3]} })
	}
	m = levels(m, depth)
	f := pngFile{size: m.Rect.Size(), depth: depth, colours: colours, interlaced: interlaced}
	return &Image{
		Name: pngName(name, depth, interlaced), Format: "png", Data: f.encode(samples(m, depth, take...)),
		Frames: still(m), Depth: depth, Alpha: alpha,
	}
}

func pngName(name string, depth int, interlaced bool) string {
	return fmt.Sprintf("png %s %d%s", name, depth, map[bool]string{true: " interlaced"}[interlaced])
}

// tinyPNG has fewer pixels than interlacing has passes.
func tinyPNG() *Image {
	m := levels(slopes(2, 2), 8)
	f := pngFile{size: m.Rect.Size(), depth: 8, colours: pngRGB, interlaced: true}
	return &Image{Name: "png 2x2 interlaced", Format: "png", Data: f.encode(samples(m, 8, 0, 1, 2)), Frames: still(m), Depth: 8}
}

// palettePNG has as many colours as fit, and with alpha some of them, the first
// ones, are seen through.
func palettePNG(depth int, interlaced, alpha bool) *Image {
	count := 1 << depth
	table := make([]color.NRGBA, count)
	var plte, trns []byte
	for i := range table {
		table[i] = color.NRGBA{R: uint8(40 + 151*i/count), G: uint8(200 - 90*i/count), B: uint8(i*67%160 + 30), A: 255}
		if alpha && i < (count+1)/2 {
			table[i].A = uint8(510 * i / count)
			trns = append(trns, table[i].A)
		}
		plte = append(plte, table[i].R, table[i].G, table[i].B)
	}
	at := func(x, y int) int { return (x/5 + y/3*2) % count }
	f := pngFile{size: image.Pt(width, height), depth: depth, colours: pngPalette, interlaced: interlaced, before: []chunk{{"PLTE", plte}}}
	name := "palette"
	if alpha {
		f.before = append(f.before, chunk{"tRNS", trns})
		name = "palette with alpha"
	}
	seen := image.NewNRGBA64(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			seen.Set(x, y, straight(table[at(x, y)]))
		}
	}
	return &Image{
		Name: pngName(name, depth, interlaced), Format: "png", Frames: still(seen), Depth: 8, Alpha: alpha,
		Data: f.encode(func(x, y int) []uint16 { return []uint16{uint16(at(x, y))} }),
	}
}

// keyPNG has a colour that is not seen, and others that differ from it by one.
func keyPNG(colours byte, depth int, interlaced bool) *Image {
	name, take := "rgb with a key", []int{0, 1, 2}
	m := levels(slopes(width, height), depth)
	if colours == pngGrey {
		name, take = "grey with a key", []int{0}
		m = levels(mapped(m, func(c [4]float64) [4]float64 { return [4]float64{c[0], c[0], c[0], 1} }), depth)
	}
	at := samples(m, depth, take...)
	key := at(width/2, height/2)
	var trns []byte
	for _, v := range samples(m, depth, 0, 1, 2)(width/2, height/2)[:len(take)] {
		trns = append(trns, byte(v>>8), byte(v))
	}
	for y := range height {
		for x := range width {
			if v := at(x, y); fmt.Sprint(v) == fmt.Sprint(key) {
				c := m.NRGBA64At(x, y)
				c.A = 0
				m.SetNRGBA64(x, y, c)
			}
		}
	}
	f := pngFile{size: m.Rect.Size(), depth: depth, colours: colours, interlaced: interlaced, before: []chunk{{"tRNS", trns}}}
	return &Image{Name: pngName(name, depth, interlaced), Format: "png", Data: f.encode(at), Frames: still(m), Depth: depth, Alpha: true}
}
