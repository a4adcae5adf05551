package imagehead_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"minilab/internal/imagehead"
)

var (
	little = binary.LittleEndian
	big    = binary.BigEndian
)

// whole are images that are read completely.
func whole(t testing.TB) map[string]sample {
	return map[string]sample{
		"jpeg":                  {encode(t, "jpeg", 31, 17), "jpeg", 31, 17, 1, 31 * 17},
		"jpeg behind EXIF":      {jpegOf(segment(0xe1, make([]byte, 60000)), sof(0xc0, 500, 400)), "jpeg", 500, 400, 1, 500 * 400},
		"jpeg with fill bytes":  {jpegOf([]byte{0xff, 0xff, 0xff}, segment(0xe0, nil), []byte{1, 2, 0xff, 0, 3}, sof(0xc2, 5, 4)), "jpeg", 5, 4, 1, 20},
		"jpeg with lone marker": {jpegOf([]byte{0xff, 0x01, 0xff, 0xd0}, sof(0xc0, 5, 4)), "jpeg", 5, 4, 1, 20},
		"png":                   {encode(t, "png", 33, 3), "png", 33, 3, 1, 99},
		"png, interlaced":       {goFile(t, "image/png/testdata/benchRGB-interlace.png"), "png", 0, 0, 1, 0},
		"apng":                  {pngOf(ihdr(10, 20), chunk("iCCP", make([]byte, 3000)), acTL(7), chunk("IDAT", nil)), "png", 10, 20, 7, 1400},
		"gif":                   {encode(t, "gif", 9, 8), "gif", 9, 8, 0, 72},
		"gif, largest":          {gifOf(65535, 65535), "gif", 65535, 65535, 0, 65535 * 65535},
		"webp, lossy":           {vp8(1000, 2000), "webp", 1000, 2000, 1, 2000000},
		"webp, lossless":        {vp8l(16384, 1), "webp", 16384, 1, 1, 16384},
		"webp, extended":        {vp8x(0x10, 1<<24, 3), "webp", 1 << 24, 3, 1, 3 << 24},
		"webp, animated":        {vp8x(0x02, 300, 200), "webp", 300, 200, 0, 60000},
		"tiff":                  {encode(t, "tiff", 21, 12), "tiff", 21, 12, 1, 252},
		"tiff, little":          {tiffOf(little, false, 0, page{70000, 2, 4}), "tiff", 70000, 2, 1, 140000},
		"tiff, big":             {tiffOf(big, false, 3, page{7, 5, 3}), "tiff", 7, 5, 1, 35},
		"tiff, bytes":           {tiffOf(big, false, 0, page{7, 5, 1}), "tiff", 7, 5, 1, 35},
		"tiff, pages":           {tiffOf(little, false, 0, page{7, 5, 3}, page{70, 50, 4}, page{1, 1, 3}), "tiff", 7, 5, 3, 35 + 3500 + 1},
		"bigtiff, little":       {tiffOf(little, true, 0, page{7, 5, 16}), "tiff", 7, 5, 1, 35},
		"bigtiff, big":          {tiffOf(big, true, 9, page{7, 5, 3}, page{1, 1, 4}), "tiff", 7, 5, 2, 36},
		"avif":                  {join(ftyp("avif", "mif1", "miaf"), metaOf(ispe(400, 300))), "avif", 400, 300, 1, 120000},
		"avif, tiled":           {join(ftyp("mif1", "avif"), boxOf("free", make([]byte, 9)), metaOf(ispe(64, 64), boxOf("pixi", nil), ispe(640, 480), ispe(64, 48))), "avif", 640, 480, 1, 640 * 480},
		"avif, no brand of it":  {join(ftyp("mif1", "miaf"), metaOf(ispe(4, 3))), "avif", 4, 3, 1, 12},
		"avif, brand last":      {join(ftyp("miaf", "mif1", "avif"), metaOf(ispe(4, 3))), "avif", 4, 3, 1, 12},
		"avif, sequence":        {join(ftyp("avis", "avif"), longBoxOf("free", nil), metaOf(ispe(4, 3))), "avif", 4, 3, 0, 12},
	}
}

// sample is an image and what is to be read from it.
type sample struct {
	bytes         []byte
	format        string
	width, height int // 0: what Go reads
	frames        int
	pixels        int64
}

func (s sample) header(t *testing.T) imagehead.Header {
	if s.width == 0 {
		c, _, err := image.DecodeConfig(strings.NewReader(string(s.bytes)))
		if err != nil {
			t.Fatal(err)
		}
		s.width, s.height, s.pixels = c.Width, c.Height, int64(c.Width)*int64(c.Height)
	}
	return imagehead.Header{
		Format: s.format, ContentType: "image/" + s.format, Width: s.width, Height: s.height,
		Frames: s.frames, Pixels: s.pixels, Complete: true,
	}
}

func TestReadWhole(t *testing.T) {
	for name, s := range whole(t) {
		t.Run(name, func(t *testing.T) {
			h, err := imagehead.Read(s.bytes)
			if want := s.header(t); err != nil || h != want {
				t.Errorf("got %+v, %v\nwant %+v", h, err, want)
			}
		})
	}
}

func TestReadAgreesWithGo(t *testing.T) {
	for _, folder := range []string{"image/testdata", "image/png/testdata/pngsuite"} {
		files, err := filepath.Glob(filepath.Join(goRoot(t), "src", folder, "*.*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", folder, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, format, err := image.DecodeConfig(strings.NewReader(string(b)))
			if err != nil {
				continue // a text that comes with the images
			}
			h, err := imagehead.Read(b[:min(len(b), imagehead.Size)])
			if err != nil || h.Format != format || h.Width != want.Width || h.Height != want.Height || !h.Complete {
				t.Errorf("%s: got %+v, %v, want %s, %d × %d", file, h, err, format, want.Width, want.Height)
			}
		}
	}
}

func TestReadEveryFrameHeader(t *testing.T) {
	for marker := byte(0xc0); marker <= 0xcf; marker++ {
		isFrame := marker != 0xc4 && marker != 0xc8 && marker != 0xcc
		h, err := imagehead.Read(jpegOf(sof(marker, 640, 480), segment(0xda, nil)))
		if isFrame && (err != nil || h.Width != 640 || h.Height != 480) {
			t.Errorf("SOF marker %#x: got %+v, %v", marker, h, err)
		}
		if !isFrame && !errors.Is(err, imagehead.ErrBroken) {
			t.Errorf("marker %#x, which is no SOF: got %+v, %v", marker, h, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	tests := map[string]struct {
		bytes string
		want  error
		says  string
	}{
		"nothing":             {"", imagehead.ErrNotImage, "JPEG, PNG, WebP, GIF, TIFF or AVIF"},
		"text":                {"hello, this is a letter and no image", imagehead.ErrNotImage, "send JPEG"},
		"HEIC":                {string(ftyp("heic", "mif1", "heic")), imagehead.ErrNotImage, "HEIC"},
		"HEIC as mif1":        {string(ftyp("mif1", "heic")), imagehead.ErrNotImage, "HEIC"},
		"video":               {string(ftyp("isom", "mp42")), imagehead.ErrNotImage, "video"},
		"SVG":                 {`<?xml version="1.0"?><SVG xmlns=""/>`, imagehead.ErrNotImage, "SVG"},
		"PDF":                 {"%PDF-1.7", imagehead.ErrNotImage, "PDF"},
		"wave, a RIFF too":    {"RIFF\x10\x00\x00\x00WAVEfmt ", imagehead.ErrNotImage, "send"},
		"jpeg, no frame":      {string(jpegOf(segment(0xda, nil))), imagehead.ErrBroken, "JPEG"},
		"jpeg, ended":         {"\xff\xd8\xff\xd9\x00\x00", imagehead.ErrBroken, "JPEG"},
		"jpeg, no length":     {"\xff\xd8\xff\xe0\x00\x01\x00\x00", imagehead.ErrBroken, "length"},
		"jpeg, short frame":   {string(jpegOf(segment(0xc0, make([]byte, 5)), make([]byte, 20))), imagehead.ErrBroken, "short"},
		"jpeg, no height":     {string(jpegOf(sof(0xc0, 5, 0))), imagehead.ErrBroken, "5 × 0"},
		"png, no IHDR":        {string(pngOf(chunk("IDAT", make([]byte, 13)))), imagehead.ErrBroken, "IHDR"},
		"png, no pixels":      {string(pngOf(ihdr(5, 4), chunk("IEND", nil))), imagehead.ErrBroken, "no pixels"},
		"png, no width":       {string(pngOf(ihdr(0, 4))), imagehead.ErrBroken, "0 × 4"},
		"png, huge":           {string(pngOf(ihdr(1<<31, 4))), imagehead.ErrBroken, "2147483648"},
		"apng, no frames":     {string(pngOf(ihdr(5, 4), acTL(0))), imagehead.ErrBroken, "0 frames"},
		"gif, no height":      {string(gifOf(5, 0)), imagehead.ErrBroken, "5 × 0"},
		"webp, of what?":      {string(webpOf("ALPH", make([]byte, 20))), imagehead.ErrBroken, "ALPH"},
		"webp, no key frame":  {string(webpOf("VP8 ", make([]byte, 20))), imagehead.ErrBroken, "key frame"},
		"webp, no width":      {string(vp8(0, 4)), imagehead.ErrBroken, "0 × 4"},
		"webp, later version": {string(webpOf("VP8L", []byte{0x2f, 0, 0, 0, 0x20})), imagehead.ErrBroken, "version"},
		"tiff, no pages":      {"II*\x00\x00\x00\x00\x00", imagehead.ErrBroken, "no pages"},
		"tiff, no entries":    {"II*\x00\x08\x00\x00\x00\x00\x00", imagehead.ErrBroken, "empty"},
		"tiff, no sizes":      {string(tiffOf(little, false, 0, page{7, 5, 2})), imagehead.ErrBroken, "0 × 0"},
		"tiff, a circle":      {string(circle()), imagehead.ErrBroken, "overlap"},
		"bigtiff, odd words":  {"II+\x00\x04\x00\x00\x00", imagehead.ErrBroken, "offsets"},
		"avif, no sizes":      {string(join(ftyp("avif"), metaOf(boxOf("pixi", nil)))), imagehead.ErrBroken, "sizes"},
		"avif, no width":      {string(join(ftyp("avif"), metaOf(ispe(0, 5)))), imagehead.ErrBroken, "0 × 5"},
		"avif, short sizes":   {string(join(ftyp("avif"), metaOf(boxOf("ispe", make([]byte, 4))))), imagehead.ErrBroken, "short"},
		"avif, no properties": {string(join(ftyp("avif"), boxOf("meta", make([]byte, 4)))), imagehead.ErrBroken, "iprp"},
		"avif, a tiny box":    {string(join(ftyp("avif"), []byte("\x00\x00\x00\x03meta"))), imagehead.ErrBroken, "header"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h, err := imagehead.Read([]byte(tt.bytes))
			if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.says) {
				t.Errorf("got %+v, %v\nwant %v that says %q", h, err, tt.want, tt.says)
			}
			if h != (imagehead.Header{}) {
				t.Errorf("beside the error there is a header: %+v", h)
			}
		})
	}
}

// circle is a TIFF whose only directory is followed by itself.
func circle() []byte {
	b := tiffOf(little, false, 0, page{7, 5, 3})
	little.PutUint32(b[len(b)-4:], 8)
	return b
}

func TestReadLeavesWhatLiesBehindTheHead(t *testing.T) {
	tests := map[string][]byte{
		"jpeg": jpegOf(segment(0xe1, make([]byte, 65000)), segment(0xe1, make([]byte, 65000)), segment(0xe1, make([]byte, 65000)),
			segment(0xe1, make([]byte, 65000)), segment(0xe1, make([]byte, 65000)), sof(0xc0, 5, 4)),
		"tiff": tiffOf(big, false, imagehead.Size, page{7, 5, 3}),
		"avif": join(ftyp("avif"), boxOf("mdat", make([]byte, imagehead.Size)), metaOf(ispe(4, 3))),
	}
	for format, b := range tests {
		h, err := imagehead.Read(b[:imagehead.Size])
		want := imagehead.Header{Format: format, ContentType: "image/" + format, Frames: h.Frames}
		if err != nil || h != want {
			t.Errorf("%s: got %+v, %v", format, h, err)
		}
	}
}

func TestReadKeepsTheFirstPageWhenTheRestLiesBehindTheHead(t *testing.T) {
	b := tiffOf(little, false, 0, page{7, 5, 3}, page{1, 1, 3})
	second := uint32(8 + 2 + 2*12 + 4)
	little.PutUint32(b[second-4:], imagehead.Size)
	b = append(b, make([]byte, imagehead.Size)...)
	h, err := imagehead.Read(b[:imagehead.Size])
	if err != nil || !h.Complete || h.Width != 7 || h.Frames != 0 || h.Pixels != 35 {
		t.Errorf("got %+v, %v", h, err)
	}
}

// A cut image is broken or no image, and if the cut lies behind the sizes it
// is what it was.
func TestReadEveryCut(t *testing.T) {
	for name, s := range whole(t) {
		want := s.header(t)
		for n := range min(len(s.bytes), 4096) {
			h, err := imagehead.Read(s.bytes[:n:n])
			switch {
			case err == nil && h == want:
			case errors.Is(err, imagehead.ErrBroken), errors.Is(err, imagehead.ErrNotImage):
			default:
				t.Fatalf("%s, cut after %d bytes: got %+v, %v", name, n, h, err)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	h := imagehead.Header{Width: 100, Height: 50, Frames: 3, Pixels: 15000, Complete: true}
	if err := h.Check(imagehead.Limits{Pixels: 15000}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	err := h.Check(imagehead.Limits{Pixels: 14999})
	if !errors.Is(err, imagehead.ErrTooManyPixels) {
		t.Fatalf("over the limit: %v", err)
	}
	for _, figure := range []string{"3 frames", "100 × 50", "15000", "14999"} {
		if !strings.Contains(err.Error(), figure) {
			t.Errorf("%q does not say %q", err, figure)
		}
	}
	for want, h := range map[string]imagehead.Header{
		"1 × 1000001": {Width: 1, Height: imagehead.MaxSide + 1, Frames: 1, Pixels: 1_000_001, Complete: true},
		"1000001 × 1": {Width: imagehead.MaxSide + 1, Height: 1, Frames: 1, Pixels: 1_000_001, Complete: true},
		"10001":       {Width: 1, Height: 1, Frames: imagehead.MaxFrames + 1, Pixels: 10_001, Complete: true},
	} {
		if err := h.Check(imagehead.Limits{Pixels: 1 << 40}); !errors.Is(err, imagehead.ErrTooManyPixels) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	most := imagehead.Header{Width: imagehead.MaxSide, Height: 1, Frames: imagehead.MaxFrames, Pixels: 1 << 39, Complete: true}
	if err := most.Check(imagehead.Limits{Pixels: 1 << 40}); err != nil {
		t.Errorf("at the other limits: %v", err)
	}
	l := imagehead.Limits{Pixels: 1 << 40, Frames: 5, Pages: 3}
	for want, h := range map[string]imagehead.Header{
		"6 frames; at most 5": {Format: "png", Width: 1, Height: 1, Frames: 6},
		"4 pages; at most 3":  {Format: "tiff", Width: 1, Height: 1, Frames: 4},
	} {
		if err := h.Check(l); !errors.Is(err, imagehead.ErrTooManyPixels) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		h.Frames--
		if err := h.Check(l); err != nil {
			t.Errorf("one less than %s: %v", want, err)
		}
	}
	if err := (imagehead.Header{Format: "tiff"}).Check(imagehead.Limits{Pixels: 1}); err != nil {
		t.Errorf("still to be judged: %v", err)
	}
}

func TestPixelsDoNotOverflow(t *testing.T) {
	h, err := imagehead.Read(pngOf(ihdr(1<<31-1, 1<<31-1), acTL(1<<31-1), chunk("IDAT", nil)))
	if err != nil || h.Pixels != 1<<63-1 {
		t.Errorf("got %+v, %v", h, err)
	}
	p := page{1<<31 - 1, 1<<31 - 1, 4}
	if h, err = imagehead.Read(tiffOf(little, false, 0, p, p, p)); err != nil || h.Pixels != 1<<63-1 {
		t.Errorf("got %+v, %v", h, err)
	}
}

// goRoot is where Go's own sources and their test images are.
func goRoot(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func goFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goRoot(t), "src", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
