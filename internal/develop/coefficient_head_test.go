package develop_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"minilab/internal/develop"
	"minilab/internal/develop/corpus"
)

// mustSayTheSame: all that is known of the results but the lane.
func mustSayTheSame(tb testing.TB, text string, lane, pixels develop.Result) {
	tb.Helper()
	lane.Facts.Lane, pixels.Facts.Lane = "", ""
	if !reflect.DeepEqual(lane, pixels) {
		tb.Errorf("%s says\n%+v\nand through pixels\n%+v", text, lane, pixels)
	}
}

// headOf is what stands before the first table.
func headOf(tb testing.TB, data []byte) []byte {
	tb.Helper()
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		if data[at+1] == 0xdb {
			return data[:at]
		}
		at += 2 + int(binary.BigEndian.Uint16(data[at+2:]))
	}
	tb.Fatal("there are no tables")
	return nil
}

// told are JPEGs that say all kinds of things of themselves. They are made of
// whole units, or the lane would not turn them.
func told(tb testing.TB) map[string][]byte {
	tb.Helper()
	plain := writeJPEG(tb, meadow(64, 48), ways("4:2:0"))
	how := ways("4:2:0")
	how.JFIF = nil
	bare := writeJPEG(tb, meadow(64, 48), how)
	all := map[string][]byte{
		"JFIF":                      plain,
		"nothing":                   bare,
		"profile":                   withProfile(tb, meadow(64, 48), "jpegsave_target", nil),
		"broken profile":            withSegment(plain, 0xe2, []byte("ICC_PROFILE\x00\x01\x01nonsense")),
		"half a profile":            withSegment(plain, 0xe2, []byte("ICC_PROFILE\x00\x01\x02nonsense")),
		"comment":                   withSegment(plain, 0xfe, []byte("a comment")),
		"Adobe":                     withSegment(plain, 0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x01")),
		"Adobe alone":               withSegment(bare, 0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x01")),
		"JFIF with a small picture": withSegment(bare, 0xe0, append([]byte("JFIF\x00\x01\x02\x01\x00\x48\x00\x60\x02\x01"), 1, 2, 3, 4, 5, 6)),
		"two JFIFs":                 withSegment(plain, 0xe0, []byte("JFIF\x00\x01\x02\x01\x00\x48\x00\x60\x00\x00")),
		"a short JFIF":              withSegment(bare, 0xe0, []byte("JFIF\x00\x01\x02")),
		"JFXX":                      withSegment(plain, 0xe0, []byte("JFXX\x00\x13\x01\x01abc")),
		"further pictures":          withSegment(plain, 0xe2, []byte("MPF\x00further pictures")),
		"Photoshop's":               withSegment(plain, 0xed, []byte("Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x07\x1c\x02\x5a\x00\x02XY\x00")),
		"broken Photoshop's":        withSegment(plain, 0xed, []byte("Photoshop 3.0\x008BIMnonsense")),
		"XMP":                       withSegment(plain, 0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta xmlns:x='adobe:ns:meta/' exif:GPSLatitude='48,1N'/>")),
		"broken XMP":                withSegment(plain, 0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta GPS")),
		"long XMP":                  withSegment(plain, 0xe1, slices.Concat([]byte("http://ns.adobe.com/xap/1.0/\x00<a>"), bytes.Repeat([]byte(" "), 65_450), []byte("</a>"))),
		"more XMP":                  withSegment(plain, 0xe1, []byte("http://ns.adobe.com/xmp/extension/\x00more")),
		"broken Exif":               withSegment(plain, 0xe1, []byte("Exif\x00\x00MM\x00*nonsense")),
		"empty Exif":                withSegment(plain, 0xe1, []byte("Exif\x00\x00")),
		"two Exifs":                 withSegment(withSegment(plain, 0xe1, exif(3)), 0xe1, exif(6)),
	}
	for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
		all["preview, "+order.String()] = withSegment(plain, 0xe1, exifWithPreview(order))
		all["size, "+order.String()] = withSegment(plain, 0xe1, exifWithSize(order, 64, 48))
	}
	for orientation := range uint16(12) {
		all[fmt.Sprint("turned as ", orientation)] = withSegment(plain, 0xe1, exif(orientation))
		all[fmt.Sprint("with a profile, turned as ", orientation)] = withSegment(all["profile"], 0xe1, exif(orientation))
	}
	for _, m := range slices.Concat(corpus.Traced(), corpus.Oriented(), corpus.Profiled()) {
		if m.Format == "jpeg" {
			all[m.Name] = m.Data
		}
	}
	return all
}

// exifWithSize is an Exif segment that tells how large the picture is.
func exifWithSize(order binary.AppendByteOrder, width, height uint32) []byte {
	b := order.AppendUint16(exifStart(order), 1)
	b = appendEntry(b, order, 0x8769, 4, 26)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint16(b, 2)
	b = appendEntry(b, order, 0xa002, 4, width)
	b = appendEntry(b, order, 0xa003, 4, height)
	return order.AppendUint32(b, 0)
}

// TestLaneSaysWhatPixelsSay: the metadata are the pixels' way's, byte for byte.
func TestLaneSaysWhatPixelsSay(t *testing.T) {
	taken := make(map[string]int)
	for name, data := range told(t) {
		for _, text := range []string{
			"swap", "swap:gbr/swap", "invert", "grayscale", "saturation:0.5", "swap/invert/swap", "flip/flip", "flip", "flop", "rotate:90", "rotate:180", "rotate:0",
			"orient", "orient:none", "orient:1", "orient:5", "orient:3/swap", "crop:32x16:northwest", "crop:17x15:x=16:y=16", "strip", "strip:gps", "strip:copyright", "strip:icc",
			"strip:icc:copyright", "strip:gps/strip:icc", "swap/strip", "strip:gps/swap", "rotate:90/strip:copyright", "orient:6/strip:gps", "jpeg:80", "swap/jpeg:80",
			"jpeg:80:sampling=444", "strip:icc/jpeg:60", "rotate:270/strip:gps/jpeg:70", "grayscale/jpeg:80", "grayscale/strip",
		} {
			t.Run(text+" of "+name, func(t *testing.T) {
				lane, result, err := try(t, data, text)
				if err != nil {
					t.Fatal(err)
				}
				if result.Facts.Lane != "coefficient" {
					return
				}
				taken[text]++
				pixels, slow := run(t, data, "lane:off/"+text)
				if a, b := headOf(t, lane), headOf(t, pixels); !bytes.Equal(a, b) {
					t.Errorf("the head is\n%q\nand through pixels\n%q", a, b)
				}
				mustSayTheSame(t, text, result, slow)
				if a, b := framed(t, lane), framed(t, pixels); a != b {
					t.Errorf("the frame is\n%s\nand through pixels\n%s", a, b)
				}
			})
		}
	}
	for text, n := range taken {
		if n < 3 {
			t.Errorf("%s takes the lane %d times only", text, n)
		}
	}
	if len(taken) < 30 {
		t.Errorf("only %d pipelines take the lane", len(taken))
	}
}

// framed is the size, the restart markers and, of each component, the factors and
// the steps in order of size: turned images have theirs turned. The factors of a
// single component mean nothing.
func framed(tb testing.TB, data []byte) (told string) {
	tb.Helper()
	tables, frame := waysOf(data).tables, segment(data, 0xc0, 0xc1, 0xc2)
	if len(frame) < 6 {
		tb.Fatal("there is no frame")
	}
	told = fmt.Sprintf("size % x, restart % x", frame[:6], segment(data, 0xdd))
	for c := frame[6:]; len(c) >= 3; c = c[3:] {
		steps := strings.Fields(tables[c[2]&3])
		slices.Sort(steps)
		if len(frame) > 9 {
			told += fmt.Sprintf("\n%x", c[1])
		}
		told += fmt.Sprint(steps)
	}
	return told
}
