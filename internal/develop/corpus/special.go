package corpus

import (
	"encoding/binary"
	"fmt"
	"image"
	"maps"
	"slices"
)

// orientedImages lie in their files as the orientation says.
func orientedImages(o int) []*Image {
	seen := levels(slopes(width, height), 8)
	file := laid(seen, o)
	exif := turned([]binary.AppendByteOrder{little, big}[o%2], o)
	photo := jpegFile{factors: Samplings[3].Factors, before: []chunk{jpegExif(exif)}}
	page := tiffPage{order: little, size: file.Rect.Size(), depth: 8, channels: 3, meaning: tiffRGB, compression: tiffLZW, rows: 9}
	page.more = []field{short(274, uint16(o))}
	png := pngFile{size: file.Rect.Size(), depth: 8, colours: pngRGB, before: []chunk{{"eXIf", exif}}}
	jpeg := ycbcrJPEG("", photo, file, false)
	jpeg.Frames = still(seen)
	all := []*Image{
		jpeg,
		{Format: "png", Data: png.encode(samples(file, 8, 0, 1, 2)), Frames: still(seen)},
		{Format: "webp", Data: losslessWebP(file, nil, exif, nil), Frames: still(seen)},
		{Format: "tiff", Data: tiffOf(little, page.fields(samples(file, 8, 0, 1, 2))), Frames: still(seen)},
	}
	for _, m := range all {
		m.Name, m.Orientation, m.Depth = fmt.Sprintf("%s of orientation %d", m.Format, o), o, 8
		if m.Format != "tiff" {
			m.Meta = Exif
		}
	}
	return all
}

// Profiled are images in other colour spaces than sRGB, and with profiles that
// are of no use.
func Profiled() []*Image {
	var all []*Image
	for _, s := range []Space{SRGB, DisplayP3, AdobeRGB} {
		for _, depth := range []int{8, 16} {
			all = append(all, profiledImages(s, s.Name, s.ICC(), depth)...)
		}
	}
	broken := BrokenICC()
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		all = append(all, spoilt(profiledImages(SRGB, "a broken profile ("+name+")", broken[name], 8))...)
	}
	return append(all, greyProfiled()...)
}

func spoilt(all []*Image) []*Image {
	for _, m := range all {
		m.Broken = true
	}
	return all
}

func profiledImages(s Space, name string, icc []byte, depth int) []*Image {
	seen := veiled(width, height)
	file := levels(mapped(seen, s.fromSRGB), depth)
	opaque := levels(mapped(slopes(width, height), s.fromSRGB), depth)
	all := []*Image{pngProfiled(seen, file, icc, depth), tiffProfiled(opaque, icc, depth)}
	if depth == 8 {
		photo := jpegFile{factors: Samplings[0].Factors, before: append([]chunk{jfif}, jpegProfile(icc)...)}
		all = append(all, ycbcrJPEG("", photo, opaque, false),
			&Image{Format: "webp", Data: losslessWebP(file, icc, nil, nil), Frames: still(seen), Alpha: true})
	}
	for _, m := range all {
		if m.Format == "jpeg" || m.Format == "tiff" {
			m.Frames = still(slopes(width, height))
		} else {
			m.Within, m.Near = Rounded, Rounded
		}
		m.Name, m.Depth, m.Space, m.Profile = fmt.Sprintf("%s %d in %s", m.Format, depth, name), depth, s, icc
	}
	return all
}

func pngProfiled(seen, file *image.NRGBA64, icc []byte, depth int) *Image {
	f := pngFile{size: file.Rect.Size(), depth: depth, colours: pngRGBA, before: []chunk{pngProfile(icc)}}
	return &Image{Format: "png", Data: f.encode(samples(file, depth, 0, 1, 2, 3)), Frames: still(seen), Alpha: true}
}

func tiffProfiled(file *image.NRGBA64, icc []byte, depth int) *Image {
	p := tiffPage{order: big, size: file.Rect.Size(), depth: depth, channels: 3, meaning: tiffRGB, compression: tiffDeflate, rows: 10}
	p.more = []field{octets(34675, kindUndefined, icc)}
	return &Image{Format: "tiff", Data: tiffOf(p.order, p.fields(samples(file, depth, 0, 1, 2))), Within: Rounded, Near: Rounded}
}

func greyProfiled() []*Image {
	s, seen := GreyGamma, grey()
	file := mapped(seen, s.fromSRGB)
	photo := jpegFile{factors: [][2]int{{1, 1}}, before: append([]chunk{jfif}, jpegProfile(s.ICC())...)}
	png := func(depth int) []byte {
		f := pngFile{size: file.Rect.Size(), depth: depth, colours: pngGrey, before: []chunk{pngProfile(s.ICC())}}
		return f.encode(samples(file, depth, 0))
	}
	faint := mapped(veiled(width, height), func(c [4]float64) [4]float64 { return [4]float64{c[0], c[0], c[0], c[3]} })
	veil := pngFile{size: file.Rect.Size(), depth: 8, colours: pngGreyAlpha, before: []chunk{pngProfile(s.ICC())}}
	all := []*Image{
		{Format: "png", Name: " and alpha", Depth: 8, Alpha: true, Data: veil.encode(samples(mapped(faint, s.fromSRGB), 8, 0, 3)), Frames: still(faint), Within: Rounded, Near: Rounded},
		{Format: "jpeg", Depth: 8, Data: photo.encode(file.Rect.Size(), luma(file)), Within: Lossy, Near: Lossy},
		{Format: "png", Depth: 8, Data: png(8), Within: Rounded, Near: Rounded},
		{Format: "png", Depth: 16, Data: png(16), Within: Rounded, Near: Rounded},
	}
	for _, m := range all {
		m.Name, m.Space, m.Profile = fmt.Sprintf("%s %d in %s%s", m.Format, m.Depth, s.Name, m.Name), s, s.ICC()
		if m.Frames == nil {
			m.Frames = still(seen)
		}
	}
	return all
}
