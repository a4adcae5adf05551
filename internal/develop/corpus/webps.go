package corpus

import (
	"encoding/binary"
	"image"
	"image/gif"
	"time"
)

// WebPs are lossless ones, still and animated, with frames that cover a part,
// are laid over or take the place of what is there, and are cleared.
func WebPs() []*Image {
	opaque, alpha := levels(slopes(width, height), 8), levels(veiled(width, height), 8)
	size := opaque.Rect.Size()
	return []*Image{
		{Name: "webp still", Format: "webp", Data: riff(chunk{"VP8L", lossless(opaque)}), Frames: still(opaque), Depth: 8},
		{Name: "webp still with alpha", Format: "webp", Data: riff(chunk{"VP8L", lossless(alpha)}), Frames: still(alpha), Depth: 8, Alpha: true},
		{
			Name: "webp still, extended", Format: "webp", Frames: still(alpha), Depth: 8, Alpha: true,
			Data: riff(extended(webpAlpha, size), chunk{"VP8L", lossless(alpha)}),
		},
		movingWebP("webp animated", 0, 3, 0, slopes, true, 0),
		movingWebP("webp animated, one frame", 0, 1, 0, slopes, true, 0),
		movingWebP("webp animated with offsets", 5, 4, 6, slopes, true, 0),
		movingWebP("webp animated, laid over", 0, 4, 6, veiled, true, 0),
		movingWebP("webp animated, in place", 0, 4, 6, veiled, false, 0),
		movingWebP("webp animated, cleared", 1, 4, 6, veiled, true, gif.DisposalBackground),
		movingWebP("webp animated, cleared in turn", 0, 5, 4, veiled, true, gif.DisposalBackground, 0),
		movingWebP("webp animated, in place, cleared", 0, 4, 6, veiled, false, 0, gif.DisposalBackground),
	}
}

func movingWebP(name string, loop, frames, inset int, picture func(w, h int) *image.NRGBA64, over bool, disposals ...byte) *Image {
	size := image.Pt(width, height)
	flags := byte(webpAnimated)
	if !picture(width, height).Opaque() {
		flags |= webpAlpha
	}
	chunks := []chunk{extended(flags, size), {"ANIM", binary.LittleEndian.AppendUint16(make([]byte, 4), uint16(loop))}}
	var parts []part
	for i := range frames {
		r := image.Rect(i*inset, i*inset, width-i*inset/2, height-i*inset)
		m := levels(darker(picture(r.Dx(), r.Dy()), float64(i)/8), 8)
		m.Rect = r
		p := part{m, time.Duration(40+30*i) * time.Millisecond, disposals[i%len(disposals)], over}
		parts, chunks = append(parts, p), append(chunks, p.frame())
	}
	return &Image{
		Name: name, Format: "webp", Data: riff(chunks...), Frames: film(size, parts), Loop: loop, Depth: 8, Alpha: flags&webpAlpha != 0,
		Within: Rounded, Near: Rounded, // where frames are laid over each other
	}
}

func darker(m *image.NRGBA64, by float64) *image.NRGBA64 {
	return mapped(m, func(c [4]float64) [4]float64 {
		return [4]float64{c[0] * (1 - by), c[1] * (1 - by), c[2] * (1 - by), c[3]}
	})
}

// losslessWebP is a still one with chunks of metadata.
func losslessWebP(m *image.NRGBA64, icc, exif, packet []byte) []byte {
	chunks := []chunk{{}, {"VP8L", lossless(m)}}
	flags := map[bool]byte{false: webpAlpha}[m.Opaque()]
	if icc != nil {
		flags |= webpProfile
		chunks = []chunk{{}, {"ICCP", icc}, chunks[1]}
	}
	if exif != nil {
		flags |= webpExif
		chunks = append(chunks, chunk{"EXIF", exif})
	}
	if packet != nil {
		flags |= webpXMP
		chunks = append(chunks, chunk{"XMP ", packet})
	}
	chunks[0] = extended(flags, m.Rect.Size())
	return riff(chunks...)
}
