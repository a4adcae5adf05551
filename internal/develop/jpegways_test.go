package develop_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"minilab/internal/develop"
	"minilab/internal/vips"
)

// samplings are the factors of luma and chroma in use.
var samplings = map[string][3][2]uint8{
	"4:4:4": {{1, 1}, {1, 1}, {1, 1}},
	"4:2:2": {{2, 1}, {1, 1}, {1, 1}},
	"4:2:0": {{2, 2}, {1, 1}, {1, 1}},
	"4:4:0": {{1, 2}, {1, 1}, {1, 1}},
	"4:1:1": {{4, 1}, {1, 1}, {1, 1}},
	"4:1:0": {{4, 2}, {1, 1}, {1, 1}},
	// The same as 4:2:2 and as 4:4:4, told differently.
	"2x2 1x2": {{2, 2}, {1, 2}, {1, 2}},
	"2x1 2x1": {{2, 1}, {2, 1}, {2, 1}},
	// Not the same for both.
	"2x2 2x1 1x2": {{2, 2}, {2, 1}, {1, 2}},
}

// ways are those of no common encoder: its tables have no quality.
func ways(sampling string) vips.JPEG {
	var how vips.JPEG
	for i, f := range samplings[sampling] {
		how.Components = append(how.Components, vips.Component{H: f[0], V: f[1], Table: uint8(i)})
	}
	for t := range how.Tables {
		for i := range how.Tables[t] {
			how.Tables[t][i] = uint16(1 + (i*7+t*3)%11)
		}
	}
	how.JFIF = &vips.JFIF{Version: 0x0101, Unit: 2, X: 118, Y: 59}
	return how
}

// writeJPEG encodes an image in ways that Go's encoder does not have.
func writeJPEG(tb testing.TB, m image.Image, how vips.JPEG) []byte {
	tb.Helper()
	plain, err := vips.Load("pngload_source", encodePNG(tb, m), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer plain.Close()
	fd := memfd(tb)
	if err := plain.SaveJPEG(fd, 1<<26, how); err != nil {
		tb.Fatal(err)
	}
	return contents(tb, fd)
}

// jpegWays are the parts of a JPEG's header that say how it is encoded.
type jpegWays struct {
	frame  string    // marker, size and, for each component, factors and table
	tables [4]string // quantisation
	others string    // restart interval, JFIF
}

func waysOf(data []byte) (w jpegWays) {
	for at := 2; at+4 <= len(data) && data[at] == 0xff && data[at+1] != 0xda; {
		mark, end := data[at+1], at+2+int(binary.BigEndian.Uint16(data[at+2:]))
		body := data[at+4 : end]
		switch {
		case mark == 0xdb:
			for len(body) > 0 {
				size := 64 << (body[0] >> 4)
				w.tables[body[0]&3] = fmt.Sprintf("% x", body[1:1+size])
				body = body[1+size:]
			}
		case mark == 0xc0 || mark == 0xc1 || mark == 0xc2:
			w.frame = fmt.Sprintf("%x: % x", mark, body[:6])
			for c := body[6:]; len(c) > 0; c = c[3:] {
				w.frame += fmt.Sprintf(", %x table %d", c[1], c[2])
			}
		case mark == 0xdd || mark == 0xe0:
			w.others += fmt.Sprintf("%x: % x\n", mark, body)
		}
		at = end
	}
	return w
}

func mustKeepWays(tb testing.TB, before, after []byte) {
	tb.Helper()
	if a, b := waysOf(before), waysOf(after); a != b {
		tb.Errorf("the ways were\n%+v\nand are\n%+v", a, b)
	}
}

// stripes are saturated colours with sharp edges, every eight pixels: the worst
// that sampling can meet.
func stripes(w, h int) *image.NRGBA {
	colours := []color.NRGBA{
		{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 0, 255}, {0, 255, 255, 255}, {255, 0, 255, 255},
		{0, 0, 0, 255}, {255, 255, 255, 255},
	}
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, colours[(x/16+y/16*3)%len(colours)])
		}
	}
	return m
}

// decodeWith decodes a JPEG with Go's decoder where that can: it refuses unequal
// factors of chroma, and miscounts the restart markers of progressive scans.
func decodeWith(tb testing.TB, data []byte, able bool) image.Image {
	tb.Helper()
	if able {
		return decodeJPEG(tb, data)
	}
	return toPNG(tb, data, "jpegload_source", 0)
}

func TestJPEGKeepsEverySampling(t *testing.T) {
	whole := scene(1021, 767)
	for sampling := range samplings {
		for _, size := range []image.Point{{1, 1}, {8, 1}, {1, 8}, {15, 17}, {203, 151}} {
			m := whole.SubImage(image.Rectangle{Max: size})
			for _, progressive := range []bool{false, true} {
				for _, restart := range []int{0, 3} {
					t.Run(fmt.Sprint(sampling, size, progressive, restart), func(t *testing.T) {
						how := ways(sampling)
						how.Progressive, how.Restart = progressive, restart
						able := !(progressive && restart > 0) && sampling != "2x2 2x1 1x2"
						data := writeJPEG(t, m, how)
						before := decodeWith(t, data, able)
						mustResemble(t, before, m, 40)
						out, _ := run(t, data, "swap")
						mustKeepWays(t, data, out)
						mustResemble(t, decodeWith(t, out, able), reference(before, "bgr"), 40)
					})
				}
			}
		}
	}
}

func TestJPEGOfAPhotographsSize(t *testing.T) {
	m := scene(1021, 767)
	for _, sampling := range []string{"4:2:2", "4:4:0"} {
		data := writeJPEG(t, m, ways(sampling))
		out, _ := run(t, data, "swap:gbr")
		mustKeepWays(t, data, out)
		mustResemble(t, decodeJPEG(t, out), reference(decodeJPEG(t, data), "gbr"), 42)
	}
}

func TestJPEGWithSharpColours(t *testing.T) {
	m := stripes(320, 240)
	// Where chroma was halved, swapping turns its blur into one of luma; and Go
	// repeats chroma where libjpeg interpolates.
	for sampling, decibels := range map[string]float64{"4:4:4": 38, "4:2:2": 22, "4:4:0": 22, "4:2:0": 20} {
		data := writeJPEG(t, m, ways(sampling))
		once, _ := run(t, data, "swap")
		mustKeepWays(t, data, once)
		mustResemble(t, decodeJPEG(t, once), reference(decodeJPEG(t, data), "bgr"), decibels)
		twice, _ := run(t, once, "swap")
		mustKeepWays(t, data, twice)
		mustResemble(t, decodeJPEG(t, twice), decodeJPEG(t, data), decibels)
	}
}

func TestJPEGSwappedTwiceStaysClose(t *testing.T) {
	m := scene(203, 151)
	for sampling := range samplings {
		data := writeJPEG(t, m, ways(sampling))
		once, _ := run(t, data, "swap")
		twice, _ := run(t, once, "swap")
		mustKeepWays(t, data, twice)
		able := sampling != "2x2 2x1 1x2"
		mustResemble(t, decodeWith(t, twice, able), decodeWith(t, data, able), 38)
	}
}

// goSample is one of the samples that come with Go.
func goSample(tb testing.TB, name string) []byte {
	tb.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		tb.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src/image/testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestJPEGsOfOthers(t *testing.T) {
	names := []string{"221212", "restart2", "progressive", "separate.dc.progression", "separate.dc.progression.progressive"}
	for _, sampling := range []string{"410", "411", "420", "422", "440", "444"} {
		names = append(names, "q50."+sampling, "q50."+sampling+".progressive")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			data := goSample(t, "video-001."+name+".jpeg")
			for _, order := range []string{"bgr", "gbr"} {
				out, _ := run(t, data, "swap:"+order)
				mustKeepWays(t, data, out)
				mustResemble(t, decodeJPEG(t, out), reference(decodeJPEG(t, data), order), 33)
			}
		})
	}
}

func TestJPEGOfRGBStaysRGB(t *testing.T) {
	how := ways("4:4:4")
	how.RGB, how.JFIF = true, nil
	m := stripes(203, 151)
	adobe := []byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00")
	for name, segments := range map[string][]byte{"told by Adobe": adobe, "told by the components": nil} {
		how.Segments = segments
		data := writeJPEG(t, m, how)
		mustResemble(t, decodeJPEG(t, data), m, 40)
		out, _ := run(t, data, "swap")
		mustKeepWays(t, data, out)
		if !bytes.Equal(segment(out, 0xee), segment(data, 0xee)) || !bytes.Equal(segment(out, 0xc0), segment(data, 0xc0)) {
			t.Errorf("%s: the colour space is told differently", name)
		}
		mustResemble(t, decodeJPEG(t, out), reference(decodeJPEG(t, data), "bgr"), 40)
	}
}

func TestJPEGOfSampledRGBLosesNoColour(t *testing.T) {
	data := goSample(t, "video-001.rgb.jpeg") // red has four times the pixels of green and blue
	out, _ := run(t, data, "swap")
	before, after := waysOf(data), waysOf(out)
	if after.tables != before.tables || !strings.Contains(after.frame, ", 11 table 0, 11 table 0, 11 table 0") {
		t.Errorf("the ways are %+v", after)
	}
	// Go repeats pixels where libjpeg interpolates.
	mustResemble(t, decodeJPEG(t, out), reference(decodeJPEG(t, data), "bgr"), 27)
	mustResemble(t, decodeJPEG(t, out), reference(toPNG(t, data, "jpegload_source", 0), "bgr"), 36)
}

func TestJPEGKeepsWideTables(t *testing.T) {
	how := ways("4:2:2")
	for i := range how.Tables[1] {
		how.Tables[1][i] = uint16(8 + 7*i) // over 255 from the middle on
	}
	data := writeJPEG(t, scene(203, 151), how)
	if segment(data, 0xc1) == nil {
		t.Fatal("the source is a baseline JPEG")
	}
	out, _ := run(t, data, "swap")
	mustKeepWays(t, data, out)
	mustResemble(t, decodeJPEG(t, out), reference(decodeJPEG(t, data), "bgr"), 36)
}

func TestJPEGTablesOfNoUseAreReplaced(t *testing.T) {
	data := writeJPEG(t, scene(203, 151), ways("4:2:2"))
	at := bytes.Index(data, []byte{0xff, 0xdb, 0, 67, 0})
	for name, step := range map[string]int{"a step of nothing": at + 5 + 63, "a table twice": at + 4} {
		bad := bytes.Clone(data)
		bad[step] = 0
		out, _, err := try(t, bad, "swap")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if bytes.IndexByte(segment(out, 0xdb)[1:], 0) >= 0 {
			t.Errorf("%s: a step of the result is 0", name)
		}
		mustResemble(t, decodeJPEG(t, out), reference(decodeJPEG(t, bad), "bgr"), 30)
	}
}

// flatJPEG is a grey area of three components in a scan each, which may have
// any factors: all blocks are a zero and an end of block.
func flatJPEG(tb testing.TB, w, h int, factors [3][2]uint8) []byte {
	tb.Helper()
	tables := writeJPEG(tb, scene(8, 8), ways("4:4:4"))
	var out []byte
	for at := 2; tables[at+1] != 0xda; {
		end := at + 2 + int(binary.BigEndian.Uint16(tables[at+2:]))
		if tables[at+1] != 0xc0 {
			out = append(out, tables[at:end]...)
		}
		at = end
	}
	frame := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), 3}
	var most [2]int
	for i, f := range factors {
		frame = append(frame, byte(i+1), f[0]<<4|f[1], 0)
		most = [2]int{max(most[0], int(f[0])), max(most[1], int(f[1]))}
	}
	out = slices.Concat([]byte{0xff, 0xd8}, out, []byte{0xff, 0xc0, 0, 17}, frame)
	for i, f := range factors {
		out = append(out, 0xff, 0xda, 0, 8, 1, byte(i+1), 0, 0, 63, 0)
		across, down := (w*int(f[0])+8*most[0]-1)/(8*most[0]), (h*int(f[1])+8*most[1]-1)/(8*most[1])
		bits := strings.Repeat("001010", across*down)
		for bits += strings.Repeat("1", -len(bits)&7); len(bits) > 0; bits = bits[8:] {
			var b byte
			for _, bit := range bits[:8] {
				b = b<<1 | byte(bit-'0')
			}
			out = append(out, b)
		}
	}
	return append(out, 0xff, 0xd9)
}

func TestJPEGSampledOddlyIsNotSampledDown(t *testing.T) {
	for _, factors := range [][3][2]uint8{
		{{4, 4}, {1, 1}, {1, 1}},
		{{2, 2}, {2, 2}, {2, 2}}, // twelve blocks
		{{2, 2}, {1, 1}, {1, 1}}, // not odd: the check of the check
	} {
		data := flatJPEG(t, 97, 41, factors)
		out, _ := run(t, data, "swap")
		want := "11"
		if factors[0][0] == 2 && factors[1][0] == 1 {
			want = "22"
		}
		if got := fmt.Sprintf("%x", segment(out, 0xc0)[7]); got != want {
			t.Errorf("%v became %s, want %s", factors, got, want)
		}
		if a, b := waysOf(data), waysOf(out); a.tables[0] != b.tables[0] {
			t.Errorf("%v: the tables changed", factors)
		}
		back := decodeJPEG(t, out)
		for y := range 41 {
			for x := range 97 {
				if r, g, b, _ := back.At(x, y).RGBA(); r>>8 != 128 || g>>8 != 128 || b>>8 != 128 {
					t.Fatalf("%v: %d,%d is %v", factors, x, y, back.At(x, y))
				}
			}
		}
	}
}

func TestJPEGOfPrintColoursLendsItsWays(t *testing.T) {
	out, _ := run(t, goSample(t, "video-001.cmyk.jpeg"), "swap")
	if f := segment(out, 0xc0); f[5] != 3 || f[7] != 0x11 {
		t.Errorf("the frame is % x", f)
	}
	if segment(out, 0xee) != nil {
		t.Error("an Adobe segment says that these are print colours")
	}
	decodeJPEG(t, out)
}

func TestJPEGKeepsItsSegments(t *testing.T) {
	how := ways("4:2:2")
	var kept []byte
	for _, s := range []struct {
		mark byte
		body string
	}{
		{0xe1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"},
		{0xe1, "http://ns.adobe.com/xmp/extension/\x00more of it"},
		{0xed, "Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x00"},
		{0xee, "Adobe\x00\x64\x00\x00\x00\x00\x01"},
		{0xfe, "a comment"},
	} {
		kept = append(kept, withSegment([]byte{0, 0}, s.mark, []byte(s.body))[2:]...)
	}
	how.Segments = slices.Concat(kept, withSegment([]byte{0, 0}, 0xe2, []byte("MPF\x00further pictures"))[2:])
	data := writeJPEG(t, scene(64, 40), how)
	out, _ := run(t, data, "swap")
	mustKeepWays(t, data, out)
	if !bytes.Contains(out, kept) {
		t.Error("a segment is gone or has changed")
	}
	if bytes.Contains(out, []byte("MPF")) {
		t.Error("there are no further pictures")
	}
}

// exifStart is an Exif segment up to its first directory, which is behind it.
func exifStart(order binary.AppendByteOrder) []byte {
	b := map[bool][]byte{true: []byte("Exif\x00\x00MM\x00*"), false: []byte("Exif\x00\x00II*\x00")}[order == binary.BigEndian]
	return order.AppendUint32(b, 8)
}

// appendEntry adds an entry of one number to a directory.
func appendEntry(b []byte, order binary.AppendByteOrder, tag, kind uint16, value uint32) []byte {
	b = order.AppendUint16(order.AppendUint16(b, tag), kind)
	return order.AppendUint32(order.AppendUint32(b, 1), value)
}

// exifWithPreview is an Exif segment whose second directory has a small picture.
func exifWithPreview(order binary.AppendByteOrder) []byte {
	b := order.AppendUint16(exifStart(order), 1)
	b = appendEntry(b, order, 0x132, 4, 7)
	b = order.AppendUint32(b, 26)
	b = order.AppendUint16(b, 2)
	b = appendEntry(b, order, 0x201, 4, 56)
	b = appendEntry(b, order, 0x202, 4, 9)
	b = order.AppendUint32(b, 0)
	return append(b, "thumbnail"...)
}

func TestExifLosesItsPreviewOnly(t *testing.T) {
	plain := encodedJPEG(t, scene(64, 40))
	for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
		body := exifWithPreview(order)
		out, _ := run(t, withSegment(plain, 0xe1, body), "swap")
		want := bytes.Clone(body[:len(body)-len("thumbnail")])
		clear(want[28:]) // the offset of the second directory, and it
		if got := segment(out, 0xe1); !bytes.Equal(got, want) {
			t.Errorf("%v: the Exif is\n% x, want\n% x", order, got, want)
		}
		// In the middle, it is blotted out where it is.
		out, _ = run(t, withSegment(plain, 0xe1, append(body, "maker"...)), "swap")
		want = append(append(want, make([]byte, len("thumbnail"))...), "maker"...)
		if got := segment(out, 0xe1); !bytes.Equal(got, want) {
			t.Errorf("%v: the Exif is\n% x, want\n% x", order, got, want)
		}
	}
}

func encodedJPEG(tb testing.TB, m image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// FuzzJPEGMetadata: whatever a header says, what is taken over from it is whole
// segments, and not more than there was.
func FuzzJPEGMetadata(f *testing.F) {
	plain := encodedJPEG(f, scene(8, 8))
	f.Add(plain, []byte("profile"))
	f.Add(withSegment(plain, 0xe1, exifWithPreview(binary.BigEndian)), make([]byte, 70_000))
	f.Add(withSegment(plain, 0xe1, exifWithPreview(binary.LittleEndian)), []byte{})
	f.Add(withSegment(plain, 0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x01")), []byte{})
	f.Fuzz(func(t *testing.T, data, profile []byte) {
		out := develop.JPEGMetadata(data, profile)
		if len(out) > len(data)+len(profile)+20*(1+len(profile)/65_000) {
			t.Errorf("%d bytes of %d", len(out), len(data))
		}
		for len(out) > 0 {
			if len(out) < 4 || out[0] != 0xff || len(out) < 2+int(binary.BigEndian.Uint16(out[2:])) {
				t.Fatalf("not a segment: % x", out[:min(len(out), 9)])
			}
			out = out[2+int(binary.BigEndian.Uint16(out[2:])):]
		}
	})
}

// TestNoFormatKeepsThePreview: it shows the picture as it was before the crop.
func TestNoFormatKeepsThePreview(t *testing.T) {
	source := withSegment(encodedJPEG(t, scene(64, 40)), 0xe1, exifWithPreview(binary.BigEndian))
	for _, text := range []string{"crop:8x8", "webp", "png", "avif", "tiff", "strip:gps/webp", "invert/png"} {
		out, _ := run(t, source, text)
		if bytes.Contains(out, []byte("thumbnail")) {
			t.Errorf("%s keeps the preview", text)
		}
		if again, _ := run(t, out, "swap"); bytes.Contains(again, []byte("thumbnail")) {
			t.Errorf("%s and swap keep the preview", text)
		}
	}
	for _, saver := range []string{"webpsave_target", "pngsave_target"} { // as others write it
		other := convert(t, source, "jpegload_source", nil, saver, nil)
		if !bytes.Contains(other, []byte("thumbnail")) {
			t.Fatalf("%s has no preview to begin with", saver)
		}
		if out, _ := run(t, other, "swap"); bytes.Contains(out, []byte("thumbnail")) {
			t.Errorf("the preview of %s stays", saver)
		}
	}
}
