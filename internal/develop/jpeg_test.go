package develop_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"testing"

	"minilab/internal/vips"
)

func decodeJPEG(tb testing.TB, data []byte) image.Image {
	tb.Helper()
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// segment is the first segment of that kind in a JPEG's header, without its head.
func segment(data []byte, marks ...byte) []byte {
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if bytes.IndexByte(marks, data[at+1]) >= 0 {
			return data[at+4 : at+2+size]
		}
		at += 2 + size
	}
	return nil
}

func TestJPEGKeepsItsWays(t *testing.T) {
	m := scene(123, 77)
	for _, quality := range []int{30, 50, 75, 90, 95, 100} {
		for _, subsample := range []string{"on", "off"} {
			for _, progressive := range []bool{false, true} {
				t.Run(fmt.Sprint(quality, subsample, progressive), func(t *testing.T) {
					data := fromPNG(t, m, "jpegsave_target",
						vips.Options{"Q": quality, "subsample_mode": subsample, "interlace": progressive})
					for _, order := range permutations[1:] {
						out, result := run(t, data, "swap:"+order)
						// Loss is that of one more compression at the same quality.
						mustResemble(t, decodeJPEG(t, out), reference(decodeJPEG(t, data), order), 33)
						if result.Facts.Quality != quality {
							t.Errorf("quality was judged %d", result.Facts.Quality)
						}
						if !bytes.Equal(segment(out, 0xdb), segment(data, 0xdb)) {
							t.Error("the quantisation tables changed")
						}
						if a, b := segment(data, 0xc0, 0xc2), segment(out, 0xc0, 0xc2); !bytes.Equal(a, b) {
							t.Errorf("the frame header is % x, want % x", b, a)
						}
						if (segment(out, 0xc2) != nil) != progressive {
							t.Error("the kind of scan changed")
						}
					}
				})
			}
		}
	}
}

// exif is an Exif segment with an orientation and a maker.
func exif(orientation uint16) []byte {
	b := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02")
	b = append(b, "\x01\x0f\x00\x02\x00\x00\x00\x04abc\x00"...)
	b = append(b, "\x01\x12\x00\x03\x00\x00\x00\x01"...)
	b = binary.BigEndian.AppendUint16(b, orientation)
	return append(b, 0, 0, 0, 0, 0, 0)
}

// withSegment puts a segment at the start of a JPEG's header.
func withSegment(data []byte, mark byte, body []byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, mark}, uint16(len(body)+2))
	return append(append(head, body...), data[2:]...)
}

func TestJPEGMetadataStays(t *testing.T) {
	m := scene(64, 40)
	data := withProfile(t, m, "jpegsave_target", nil)
	data = withSegment(data, 0xe1, append([]byte("http://ns.adobe.com/xap/1.0/\x00"), "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"...))
	data = withSegment(data, 0xe1, exif(6))
	out, result := run(t, data, "swap")
	if result.Facts.Width != 64 || result.Facts.Height != 40 {
		t.Errorf("the image was turned: %+v", result.Facts)
	}
	mustResemble(t, decodeJPEG(t, out), reference(decodeJPEG(t, data), "bgr"), 33)
	if o := orientationOf(t, out, "jpegload_source"); o != 6 {
		t.Errorf("the orientation is %d", o)
	}
	for _, want := range []string{"abc\x00", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", string(segment(data, 0xe2))} {
		if want == "" || !bytes.Contains(out, []byte(want)) {
			t.Errorf("%.40q is gone", want)
		}
	}
}

func orientationOf(tb testing.TB, data []byte, loader string) int {
	tb.Helper()
	m, err := vips.Load(loader, data, nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer m.Close()
	o, _ := m.Int("orientation")
	return o
}

// withProfile encodes an image in the colours of wide screens, whose profile
// is written along.
func withProfile(tb testing.TB, m image.Image, saver string, options vips.Options) []byte {
	tb.Helper()
	plain, err := vips.Load("pngload_source", encodePNG(tb, m), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer plain.Close()
	wide, err := plain.Call("icc_transform", vips.Options{"output_profile": "p3", "input_profile": "srgb"})
	if err != nil {
		tb.Fatal(err)
	}
	defer wide.Close()
	return saved(tb, wide, saver, options)
}

func TestJPEGOfPrintColoursBecomesRGB(t *testing.T) {
	plain, err := vips.Load("pngload_source", encodePNG(t, scene(64, 64)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	cmyk, err := plain.Call("icc_transform", vips.Options{"output_profile": "cmyk", "input_profile": "srgb"})
	if err != nil {
		t.Fatal(err)
	}
	defer cmyk.Close()
	data := saved(t, cmyk, "jpegsave_target", vips.Options{"Q": 95})
	if n := segment(data, 0xc0)[5]; n != 4 {
		t.Fatalf("the source has %d components", n)
	}
	back, err := cmyk.Call("icc_transform", vips.Options{"output_profile": "srgb", "embedded": true, "intent": "relative"})
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	want := decodePNG(t, saved(t, back, "pngsave_target", nil))

	out, _ := run(t, data, "swap")
	if n := segment(out, 0xc0)[5]; n != 3 {
		t.Errorf("the result has %d components", n)
	}
	mustResemble(t, decodeJPEG(t, out), reference(want, "bgr"), 30)
}

func TestGreyJPEGComesBackAsItWas(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 30, 20)), nil); err != nil {
		t.Fatal(err)
	}
	if out, _ := run(t, b.Bytes(), "swap"); !bytes.Equal(out, b.Bytes()) {
		t.Error("the bytes changed")
	}
}
