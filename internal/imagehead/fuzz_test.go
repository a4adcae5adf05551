package imagehead_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"minilab/internal/imagehead"
)

// magics begin an image of each format: the fuzzer's bytes are put behind the
// one that it chooses, so that each parser is reached easily.
var magics = []struct{ format, magic string }{
	{"", ""},
	{"jpeg", "\xff\xd8\xff"},
	{"png", "\x89PNG\r\n\x1a\n"},
	{"gif", "GIF89a"},
	{"webp", "RIFF\x00\x10\x00\x00WEBP"},
	{"tiff", "II*\x00"},
	{"tiff", "MM\x00+"},
	{"avif", "\x00\x00\x00\x10ftypavif\x00\x00\x00\x00"},
}

func FuzzRead(f *testing.F) {
	for _, s := range whole(f) {
		f.Add(uint8(0), s.bytes)
		for i, m := range magics {
			if s.format == m.format {
				f.Add(uint8(i), []byte(strings.TrimPrefix(string(s.bytes), m.magic)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, format uint8, b []byte) {
		checkRead(t, append([]byte(magics[int(format)%len(magics)].magic), b...))
	})
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
