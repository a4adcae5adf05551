package imagehead_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"minilab/internal/imagehead"
)

func TestPeekAgreesWithRead(t *testing.T) {
	for name, s := range whole(t) {
		for way, wrap := range map[string]func(io.Reader) io.Reader{
			"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with its end": iotest.DataErrReader,
		} {
			h, head, err := imagehead.Peek(wrap(bytes.NewReader(s.bytes)))
			if err != nil || h != s.header(t) || !bytes.HasPrefix(s.bytes, head) {
				t.Errorf("%s, %s: got %+v, %d bytes, %v", name, way, h, len(head), err)
			}
		}
	}
}

// A body that stalls behind its header is judged nevertheless.
func TestPeekDoesNotWaitForMoreThanItNeeds(t *testing.T) {
	for name, b := range map[string][]byte{
		"an image": pngOf(ihdr(5, 4), chunk("IDAT", make([]byte, 100))),
		"no image": []byte(strings.Repeat("hello ", 10)),
	} {
		stall := iotest.ErrReader(errors.New("read on"))
		for way, start := range map[string]io.Reader{"at once": bytes.NewReader(b), "trickling": iotest.OneByteReader(bytes.NewReader(b))} {
			_, head, err := imagehead.Peek(io.MultiReader(start, stall))
			if err != nil && !errors.Is(err, imagehead.ErrNotImage) {
				t.Errorf("%s, %s: %v after %d bytes", name, way, err, len(head))
			}
			if !bytes.HasPrefix(b, head) {
				t.Errorf("%s, %s: gives back other bytes", name, way)
			}
		}
	}
}

func TestPeekReadsNoMoreThanSize(t *testing.T) {
	b := tiffOf(little, false, 2*imagehead.Size, page{7, 5, 3})
	r := bytes.NewReader(b)
	h, head, err := imagehead.Peek(r)
	if err != nil || h.Complete || h.Format != "tiff" {
		t.Errorf("got %+v, %v", h, err)
	}
	if len(head) != imagehead.Size || r.Len() != len(b)-imagehead.Size {
		t.Errorf("read %d bytes, %d are left", len(head), r.Len())
	}
}

func TestPeekGivesTheReadersError(t *testing.T) {
	cut := errors.New("connection reset")
	_, head, err := imagehead.Peek(io.MultiReader(strings.NewReader("\xff\xd8\xff\xe1\x10\x00"), iotest.ErrReader(cut)))
	if !errors.Is(err, cut) || len(head) != 6 {
		t.Errorf("got %d bytes, %v", len(head), err)
	}
}

func TestPeekOfNothing(t *testing.T) {
	if _, head, err := imagehead.Peek(strings.NewReader("")); len(head) != 0 || !errors.Is(err, imagehead.ErrNotImage) {
		t.Errorf("got %d bytes, %v", len(head), err)
	}
}
