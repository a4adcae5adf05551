package corpus

import (
	"encoding/binary"
	"hash/crc32"
	"image"
	"slices"
	"time"
)

// Traced are images that tell where they were taken, by whom and with what, in
// every way that their format has.
func Traced() []*Image {
	var all []*Image
	for _, order := range []binary.AppendByteOrder{little, big} {
		all = append(all, tracedJPEGs(order)...)
		all = append(all, tracedOthers(order)...)
	}
	return append(all, tracedGIF())
}

func tracedJPEGs(order binary.AppendByteOrder) []*Image {
	m := slopes(width, height)
	photo := jpegFile{factors: Samplings[3].Factors, before: append([]chunk{jfif}, jpegTraces(order)...)}
	wide := jpegFile{factors: Samplings[0].Factors, before: append(jpegTraces(order), jpegProfile(DisplayP3.ICC())...)}
	behind := jpegFile{factors: Samplings[3].Factors, before: []chunk{jfif}}
	behind.after = photo.encode(m.Rect.Size(), luma(m), chroma(m, 2), chroma(m, 0))
	bare := jpegFile{factors: [][2]int{{1, 1}}, before: photo.before}
	p3 := mapped(m, DisplayP3.fromSRGB)
	all := []*Image{
		ycbcrJPEG("jpeg with traces", photo, m, false),
		ycbcrJPEG("jpeg with traces and a profile", wide, p3, false),
		ycbcrJPEG("jpeg with another behind it", behind, m, false),
		{Name: "jpeg grey with traces", Data: bare.encode(m.Rect.Size(), luma(grey())), Frames: still(grey())},
	}
	all[1].Space, all[1].Profile, all[1].Frames = DisplayP3, DisplayP3.ICC(), still(m)
	for _, i := range all {
		i.Name, i.Format, i.Depth, i.Within, i.Near, i.Meta = i.Name+", "+order.String(), "jpeg", 8, Lossy, Lossy, Exif|XMP|IPTC|Comment
	}
	all[2].Meta = 0 // of the first one
	return all
}

func tracedOthers(order binary.AppendByteOrder) []*Image {
	m := levels(veiled(width, height), 8)
	exif := exifOf(order, 0)
	before := append([]chunk{{"eXIf", exif}}, pngText()...)
	rgba := pngFile{size: m.Rect.Size(), depth: 8, colours: pngRGBA, before: before, after: pngText()}
	table := palettePNG(4, false, true)
	table.Data = withChunks(table.Data, before)
	opaque := levels(slopes(width, height), 8)
	p := tiffPage{order: order, size: opaque.Rect.Size(), depth: 8, channels: 3, meaning: tiffRGB, compression: tiffDeflate, rows: 10}
	p.more = append(exifFields(0), octets(700, kindByte, xmp()), octets(33723, kindUndefined, iptc()), octets(34377, kindByte, photoshop()))
	table.Name = "png palette with traces"
	all := []*Image{
		{Name: "png with traces", Format: "png", Data: rgba.encode(samples(m, 8, 0, 1, 2, 3)), Frames: still(m), Alpha: true},
		table,
		{Name: "webp with traces", Format: "webp", Data: losslessWebP(m, nil, exif, xmp()), Frames: still(m), Alpha: true},
		{Name: "webp animated with traces", Format: "webp", Data: tracedFilm(exif), Frames: lit(m), Alpha: true},
		{Name: "tiff with traces", Format: "tiff", Data: tiffOf(order, p.fields(samples(opaque, 8, 0, 1, 2))), Frames: still(opaque)},
	}
	for _, i := range all {
		i.Name, i.Depth, i.Meta = i.Name+", "+order.String(), 8, Exif|XMP
	}
	return all
}

const blink = 80 * time.Millisecond

// lit are a picture and a darker one in turn.
func lit(m *image.NRGBA64) []Frame {
	return []Frame{{m, blink}, {levels(darker(m, 0.3), 8), blink}}
}

func tracedFilm(exif []byte) []byte {
	frames := lit(levels(veiled(width, height), 8))
	var parts [2]chunk
	for i, f := range frames {
		parts[i] = part{image: f.Image, delay: blink}.frame()
	}
	return riff(extended(webpAnimated|webpAlpha|webpExif|webpXMP, image.Pt(width, height)), chunk{"ANIM", make([]byte, 6)},
		parts[0], parts[1], chunk{"EXIF", exif}, chunk{"XMP ", xmp()})
}

// withChunks puts chunks behind a PNG's header.
func withChunks(png []byte, chunks []chunk) []byte {
	const head = 33
	var more []byte
	for _, c := range chunks {
		more = binary.BigEndian.AppendUint32(more, uint32(len(c.body)))
		body := append([]byte(c.name), c.body...)
		more = append(more, body...)
		more = binary.BigEndian.AppendUint32(more, crc32.ChecksumIEEE(body))
	}
	return slices.Insert(slices.Clone(png), head, more...)
}

// tracedGIF has a comment and a packet of XMP, which is followed by what leads a
// decoder to its end from anywhere in it.
func tracedGIF() *Image {
	out := gifOf("gif with traces", 0, 3, 0, false, 1)
	blocks := append([]byte{0x21, 0xfe, byte(len(remark))}, remark...)
	blocks = append(blocks, 0)
	blocks = append(blocks, "\x21\xff\x0bXMP DataXMP"...)
	blocks = append(append(blocks, xmp()...), 1)
	for i := range 256 {
		blocks = append(blocks, byte(255-i))
	}
	blocks = append(blocks, 0)
	const screen = 13
	table := 0
	if flags := out.Data[10]; flags&0x80 != 0 {
		table = 3 << (flags&7 + 1)
	}
	out.Data = slices.Insert(out.Data, screen+table, blocks...)
	out.Meta = XMP | Comment
	return out
}
