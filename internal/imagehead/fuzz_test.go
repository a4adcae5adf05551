package imagehead_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"minilab/internal/imagehead"
)

// One target per format: the fuzzer's bytes are put behind the format's
// signature, so that each parser is reached by every input.

func FuzzJPEG(f *testing.F) { fuzz(f, "jpeg", "\xff\xd8\xff") }
func FuzzPNG(f *testing.F)  { fuzz(f, "png", "\x89PNG\r\n\x1a\n") }
func FuzzGIF(f *testing.F)  { fuzz(f, "gif", "GIF89a") }
func FuzzWebP(f *testing.F) { fuzz(f, "webp", "RIFF\x00\x10\x00\x00WEBP") }
func FuzzTIFF(f *testing.F) { fuzz(f, "tiff", "") }
func FuzzAVIF(f *testing.F) { fuzz(f, "avif", "\x00\x00\x00\x10ftypavif\x00\x00\x00\x00") }
func FuzzAny(f *testing.F)  { fuzz(f, "", "") }

func fuzz(f *testing.F, format, magic string) {
	for _, s := range whole(f) {
		if format == "" || s.format == format {
			f.Add([]byte(strings.TrimPrefix(string(s.bytes), magic)))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkRead(t, append([]byte(magic), b...)) })
}

// checkRead holds for any bytes whatever.
func checkRead(t *testing.T, b []byte) {
	b = b[:len(b):len(b)] // behind the end there is nothing to read by mistake
	h, err := imagehead.Read(b)
	if err != nil && !errors.Is(err, imagehead.ErrBroken) && !errors.Is(err, imagehead.ErrNotImage) {
		t.Fatalf("not a fault of this package: %v", err)
	}
	if err != nil && h != (imagehead.Header{}) {
		t.Fatalf("%+v beside %v", h, err)
	}
	if h.Complete != (h.Width > 0 && h.Height > 0) || h.Complete && h.Pixels < int64(h.Width)*int64(h.Height) {
		t.Fatalf("contradicts itself: %+v", h)
	}
	if err == nil && !h.Complete && len(b) < imagehead.Size {
		t.Fatalf("undecided, though these are all the bytes: %+v", h)
	}
	peeked, head, peekErr := imagehead.Peek(iotest.HalfReader(bytes.NewReader(b)))
	if peekErr == nil && !bytes.HasPrefix(b, head) {
		t.Fatal("Peek gives other bytes back")
	}
	if err == nil && (peekErr != nil || peeked.Width != h.Width || peeked.Height != h.Height) {
		t.Fatalf("Read %+v, Peek %+v, %v", h, peeked, peekErr)
	}
}
