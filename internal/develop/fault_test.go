package develop_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"minilab/internal/engine/wire"
	"minilab/internal/fault"
	"minilab/internal/vips"
)

// sample is an image in every format.
func sample(tb testing.TB) map[string][]byte {
	tb.Helper()
	_, moving := film(tb)
	m := scene(96, 80)
	return map[string][]byte{
		"jpeg": fromPNG(tb, m, "jpegsave_target", nil),
		"prog": fromPNG(tb, m, "jpegsave_target", vips.Options{"interlace": true}),
		"png":  fromPNG(tb, m, "pngsave_target", nil),
		"webp": fromPNG(tb, m, "webpsave_target", nil),
		"gif":  moving,
		"tiff": fromPNG(tb, m, "tiffsave_target", nil),
		"avif": fromPNG(tb, m, "heifsave_target", vips.Options{"compression": "av1", "effort": 0}),
	}
}

func TestProfilesStay(t *testing.T) {
	for _, c := range []struct {
		loader, saver string
		options       vips.Options
	}{
		{"pngload_source", "pngsave_target", nil},
		{"jpegload_source", "jpegsave_target", nil},
		{"webpload_source", "webpsave_target", nil},
		{"tiffload_source", "tiffsave_target", nil},
		{"heifload_source", "heifsave_target", vips.Options{"compression": "av1", "effort": 0}},
	} {
		data := withProfile(t, scene(40, 30), c.saver, c.options)
		out, _ := run(t, data, "swap")
		before, after := profileOf(t, data, c.loader), profileOf(t, out, c.loader)
		if len(before) == 0 || !bytes.Equal(before, after) {
			t.Errorf("%s: the profile had %d bytes and has %d", c.loader, len(before), len(after))
		}
	}
}

func profileOf(tb testing.TB, data []byte, loader string) []byte {
	tb.Helper()
	m, err := vips.Load(loader, data, nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer m.Close()
	return m.Blob("icc-profile-data")
}

func TestCutImagesAreBroken(t *testing.T) {
	for name, data := range sample(t) {
		if _, _, err := try(t, data, "swap"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, size := range []int{16, len(data) / 4, len(data) / 2, len(data) * 9 / 10} {
			_, _, err := try(t, data[:size], "swap")
			if !errors.Is(err, wire.ErrBroken) {
				t.Errorf("%s cut to %d of %d bytes: %v", name, size, len(data), err)
			}
			if err != nil && (strings.Contains(err.Error(), "0x") || strings.Contains(err.Error(), "seek") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s: this is not for people: %q", name, err)
			}
		}
	}
}

func TestNoImages(t *testing.T) {
	for name, data := range map[string][]byte{
		"empty":      nil,
		"text":       []byte("hello, world"),
		"svg":        []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>`),
		"heic":       []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1"),
		"pdf":        []byte("%PDF-1.7"),
		"zeros":      make([]byte, 100),
		"one letter": []byte("G"),
	} {
		if _, _, err := try(t, data, "swap"); !errors.Is(err, wire.ErrNotImage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMagicAloneIsBroken(t *testing.T) {
	for name, data := range sample(t) {
		for _, junk := range []string{"", strings.Repeat("\x00", 64)} {
			head := append(bytes.Clone(data[:16]), junk...)
			if _, _, err := try(t, head, "swap"); !errors.Is(err, wire.ErrBroken) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestSizeIsJudgedFromTheHeader(t *testing.T) {
	for name, data := range sample(t) {
		pages := int64(1)
		if name == "gif" {
			pages = 3
		}
		_, result := run(t, data, "swap")
		pixels := int64(result.Facts.Width) * int64(result.Facts.Height) * pages
		if _, _, err := tryWithin(t, data, "swap", pixels, 1<<20); err != nil {
			t.Errorf("%s: at the limit: %v", name, err)
		}
		if out, _, err := tryWithin(t, data, "swap", pixels-1, 1<<20); !errors.Is(err, wire.ErrTooManyPixels) || len(out) > 0 {
			t.Errorf("%s: over the limit: %v", name, err)
		}
	}
}

func TestBombsAreRefused(t *testing.T) {
	png := encodePNG(t, scene(2, 2))
	for name, size := range map[string]uint32{"large": 60_000, "huge": 500_000, "absurd": 1<<31 - 1} {
		bomb := bytes.Clone(png)
		binary.BigEndian.PutUint32(bomb[16:], size)
		binary.BigEndian.PutUint32(bomb[20:], size)
		binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
		if _, _, err := try(t, bomb, "swap"); !errors.Is(err, wire.ErrTooManyPixels) {
			t.Errorf("%s PNG: %v", name, err)
		}
	}
}

func TestOutputIsLimited(t *testing.T) {
	for name, data := range sample(t) {
		out, _ := run(t, data, "swap")
		size := int64(len(out))
		if _, _, err := tryWithin(t, data, "swap", 1<<20, size); err != nil {
			t.Errorf("%s: at the limit: %v", name, err)
		}
		short, _, err := tryWithin(t, data, "swap", 1<<20, size-1)
		if !errors.Is(err, wire.ErrOutputTooLarge) || int64(len(short)) >= size {
			t.Errorf("%s: over the limit: %d bytes, %v", name, len(short), err)
		}
	}
}

func TestDefectsAreNotTheImagesFault(t *testing.T) {
	_, err := vips.Load("jpegload_source", sample(t)["jpeg"], vips.Options{"nonsense": 1})
	if err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("an unknown argument is %v", err)
	}
	if _, err := vips.Load("nonsense", []byte("x"), nil); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("an unknown operation is %v", err)
	}
}

// TestReasonsAreNotOfAnotherImage: what the library says about one customer's
// image is not told to another.
func TestReasonsAreNotOfAnotherImage(t *testing.T) {
	alone := bytes.Clone(encodePNG(t, scene(2, 2)))
	alone[25] = 9 // no such colour type
	binary.BigEndian.PutUint32(alone[29:], crc32.ChecksumIEEE(alone[12:29]))
	_, _, want := try(t, alone, "swap")
	if !errors.Is(want, wire.ErrBroken) {
		t.Fatal(want)
	}
	jpeg := sample(t)["jpeg"]
	scan := bytes.LastIndex(jpeg, []byte("\xff\xda"))
	for name, before := range map[string][]byte{
		"a warning":   slices.Concat(jpeg[:scan], []byte("extraneous"), jpeg[scan:]),
		"lost pixels": slices.Concat(jpeg[:len(jpeg)*2/3], []byte("\xff\xd9")),
	} {
		for _, order := range []string{"swap", "swap:rgb"} {
			_, _, _ = try(t, before, order)
			if _, _, err := try(t, alone, "swap"); err == nil || err.Error() != want.Error() {
				t.Errorf("after %s: %q, want %q", name, err, want)
			}
		}
	}
}
