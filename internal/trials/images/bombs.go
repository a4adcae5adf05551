package images

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// bombs are small files that ask for much.
func bombs() []Image {
	return slices.Concat(pngBombs(), jpegBombs(), gifBombs(), tiffBombs(), webpBombs(), avifBombs())
}

// bomb is made when it is needed: some are not so small.
func bomb(name string, make func() []byte) Image { return Image{"bomb", name, make} }

func pngBombs() []Image {
	canvas := func(width, height uint32, depth, colour, interlace byte, pixels int) func() []byte {
		return func() []byte {
			return pngOf(ihdr(width, height, depth, colour, interlace), chunk("IDAT", zeros(pixels)))
		}
	}
	text := func(kind string, head string, size int) func() []byte {
		return func() []byte {
			return pngOf(ihdr(8, 8, 8, pngRGB, 0), chunk(kind, append([]byte(head), zeros(size)...)), chunk("IDAT", zeros(8*25)))
		}
	}
	many := func(kind string, body []byte, n int) func() []byte {
		return func() []byte {
			return pngOf(ihdr(8, 8, 8, pngRGB, 0), bytes.Repeat(chunk(kind, body), n), chunk("IDAT", zeros(8*25)))
		}
	}
	return []Image{
		bomb("png of 900 megapixels", canvas(30_000, 30_000, 1, pngGrey, 0, 30_000*3751)),
		bomb("png of 2^31-1 squared", canvas(1<<31-1, 1<<31-1, 16, pngRGBA, 0, 1000)),
		bomb("png of 1 x 60000", canvas(1, 60_000, 8, pngRGB, 0, 4*60_000)),
		bomb("png of 60000 x 1", canvas(60_000, 1, 8, pngRGB, 0, 180_001)),
		bomb("png of 1 x 50000000", canvas(1, 50_000_000, 8, pngGrey, 0, 100_000_000)),
		bomb("png of 50000000 x 1", canvas(50_000_000, 1, 8, pngRGB, 0, 150_000_001)),
		bomb("png of 100 megapixels without pixels", canvas(10_000, 10_000, 8, pngRGB, 0, 0)),
		bomb("png of 100 megapixels, interlaced, without pixels", canvas(10_000, 10_000, 16, pngRGBA, 1, 0)),
		bomb("png with a table of none", canvas(8, 8, 8, pngPalette, 0, 72)),
		bomb("png with a gigabyte of pixels too many", canvas(8, 8, 8, pngRGB, 0, 1<<30)),
		bomb("png with a gigabyte of text", text("zTXt", "Comment\x00\x00", 1<<30)),
		bomb("png with a gigabyte of international text", text("iTXt", "Comment\x00\x01\x00\x00\x00", 1<<30)),
		bomb("png with a gigabyte of profile", text("iCCP", "profile\x00\x00", 1<<30)),
		bomb("png with 20 MB of Exif", many("eXIf", append([]byte("II*\x00\x08\x00\x00\x00"), make([]byte, 20<<20)...), 1)),
		bomb("png with 200000 texts", many("tEXt", []byte("a\x00b"), 200_000)),
		bomb("png with 2000 compressed texts", many("zTXt", append([]byte("a\x00\x00"), zeros(1<<20)...), 2000)),
		bomb("png with 200000 empty chunks of pixels", many("IDAT", nil, 200_000)),
		bomb("png with 100000 unknown chunks", many("quIt", []byte("data"), 100_000)),
		bomb("png with a table of 21845 colours", many("PLTE", make([]byte, 3*21_845), 1)),
	}
}

func gifOf(width, height uint16, rest ...[]byte) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("GIF89a"), width)
	b = binary.LittleEndian.AppendUint16(b, height)
	b = append(b, 0x80, 0, 0, 255, 0, 0, 0, 0, 255) // two colours
	return append(append(b, bytes.Join(rest, nil)...), 0x3b)
}

// gifFrame is a frame with codes of LZW.
func gifFrame(x, y, width, height uint16, codeSize byte, codes []byte) []byte {
	b := []byte{0x2c}
	for _, v := range []uint16{x, y, width, height} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = append(b, 0, codeSize)
	for part := range slices.Chunk(codes, 255) {
		b = append(append(b, byte(len(part))), part...)
	}
	return append(b, 0)
}

// gifPixel is one of the first colour: clear, 0, end.
var gifPixel = gifFrame(0, 0, 1, 1, 2, []byte{0x44, 0x01})

func gifBombs() []Image {
	frames := func(width, height uint16, n int) func() []byte {
		return func() []byte { return gifOf(width, height, bytes.Repeat(gifPixel, n)) }
	}
	one := func(width, height uint16, frame []byte) func() []byte {
		return func() []byte { return gifOf(width, height, frame) }
	}
	garbage := bytes.Repeat([]byte{0x13, 0x37, 0xca, 0xfe, 0x00, 0xff}, 5000)
	return []Image{
		bomb("gif of 100000 frames of a pixel", frames(1, 1, 100_000)),
		bomb("gif of 100000 frames of a megapixel", frames(1000, 1000, 100_000)),
		bomb("gif of 1000 frames of 0.1 megapixel", frames(1000, 100, 1000)),
		bomb("gif of 65535 squared", one(65_535, 65_535, gifPixel)),
		bomb("gif with a pixel on 100 megapixels", one(10_000, 10_000, gifPixel)),
		bomb("gif of 1 x 60000", one(1, 60_000, gifPixel)),
		bomb("gif of 60000 x 1", one(60_000, 1, gifPixel)),
		bomb("gif with a frame beyond its screen", one(10, 10, gifFrame(65_000, 65_000, 65_535, 65_535, 2, []byte{0x44, 0x01}))),
		bomb("gif with a frame larger than its screen", one(10, 10, gifFrame(0, 0, 10_000, 10_000, 2, []byte{0x44, 0x01}))),
		bomb("gif with a frame of 4 gigapixels", one(10, 10, gifFrame(0, 0, 65_535, 65_535, 2, []byte{0x44, 0x01}))),
		bomb("gif with an empty frame", one(10, 10, gifFrame(0, 0, 0, 0, 2, nil))),
		bomb("gif of garbage", one(500, 500, gifFrame(0, 0, 500, 500, 8, garbage))),
		bomb("gif of garbage of 12 bits", one(500, 500, gifFrame(0, 0, 500, 500, 12, garbage))),
		bomb("gif of codes of 255 bits", one(500, 500, gifFrame(0, 0, 500, 500, 255, garbage))),
		bomb("gif of clear codes only", one(500, 500, gifFrame(0, 0, 500, 500, 2, bytes.Repeat([]byte{0x24, 0x49, 0x92}, 10_000)))),
		bomb("gif with 10 MB of comment", one(10, 10, slices.Concat([]byte{0x21, 0xfe}, bytes.Repeat(append([]byte{255}, make([]byte, 255)...), 40_000), []byte{0}, gifPixel))),
		bomb("gif with 200000 controls", one(10, 10, append(bytes.Repeat([]byte{0x21, 0xf9, 4, 0, 0, 0, 0, 0}, 200_000), gifPixel...))),
	}
}
