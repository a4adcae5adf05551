package develop_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color/palette"
	"slices"
	"strings"
	"testing"

	"minilab/internal/engine/wire"
	"minilab/internal/imagehead"
	"minilab/internal/vips"
)

// What the trial of hostile images has found, in small.

func TestPNGsAreWhole(t *testing.T) {
	for name, m := range map[string]image.Image{
		"colours": scene(8, 8),
		"grey":    image.NewGray(image.Rect(0, 0, 8, 8)),
		"palette": image.NewPaletted(image.Rect(0, 0, 8, 8), palette.Plan9),
	} {
		data := encodePNG(t, m)
		const head, end = 33, 12 // signature and IHDR; IEND
		gamma := []byte("\x00\x00\x00\x04gAMA\x00\x01\x86\xa0")
		good := binary.BigEndian.AppendUint32(bytes.Clone(gamma), crc32.ChecksumIEEE(gamma[4:]))
		if _, _, err := try(t, slices.Insert(bytes.Clone(data), head, good...), "swap"); err != nil {
			t.Errorf("%s: with a good chunk more: %v", name, err)
		}
		good[len(good)-1] ^= 1
		for what, bad := range map[string][]byte{
			"a wrong checksum":     slices.Insert(bytes.Clone(data), head, good...),
			"no end":               data[:len(data)-end],
			"half an end":          data[:len(data)-1],
			"no room for a length": data[:len(data)-end+3],
		} {
			if _, _, err := try(t, bad, "swap"); !errors.Is(err, wire.ErrBroken) {
				t.Errorf("%s with %s: %v", name, what, err)
			}
		}
	}
}

func TestSidesAndFramesAreLimited(t *testing.T) {
	tall, wide := encodePNG(t, scene(2, 2)), encodePNG(t, scene(2, 2))
	binary.BigEndian.PutUint32(tall[20:], imagehead.MaxSide+1)
	binary.BigEndian.PutUint32(wide[16:], imagehead.MaxSide+1)
	for _, data := range [][]byte{tall, wide} {
		binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	}
	webp := []byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00ANIM\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	webp = append(webp, bytes.Repeat([]byte("ANMF\x00\x00\x00\x00"), imagehead.MaxFrames+1)...)
	pixel := "\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
	gif := "GIF89a\x01\x00\x01\x00\x80\x00\x00\x01\x02\x03\x04\x05\x06"
	for name, data := range map[string][]byte{
		"tall": tall, "wide": wide, "webp": webp, "gif": []byte(gif + strings.Repeat(pixel, imagehead.MaxFrames+1) + ";"),
	} {
		if _, _, err := try(t, data, "swap"); !errors.Is(err, wire.ErrTooManyPixels) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := try(t, []byte(gif+strings.Repeat(pixel, imagehead.MaxFrames)+";"), "swap"); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func TestScansAreLimited(t *testing.T) {
	data := sample(t)["prog"]
	last := bytes.LastIndex(data, []byte("\xff\xda"))
	scan, end := data[last:len(data)-2], data[len(data)-2:]
	more := 100 - bytes.Count(data, []byte("\xff\xda"))
	for n, want := range map[int]bool{more: false, more + 1: true} {
		many := slices.Concat(data[:len(data)-2], bytes.Repeat(scan, n), end)
		for _, text := range []string{"swap", "partial/swap"} { // what is meant to keep a decoder busy does so in either way
			_, _, err := try(t, many, text)
			if got := errors.Is(err, wire.ErrBroken) && strings.HasSuffix(err.Error(), "101 scans, more than any image needs"); got != want {
				t.Errorf("%s of %d scans more: %v", text, n, err)
			}
		}
	}
}

// TestOnlyTheFirstWholeScanIsRead: behind a scan of all components no other may
// follow, so that many cost nothing.
func TestOnlyTheFirstWholeScanIsRead(t *testing.T) {
	data := sample(t)["jpeg"]
	first := bytes.Index(data, []byte("\xff\xda"))
	if first < 0 {
		t.Fatal("no scan")
	}
	scan, end := data[first:len(data)-2], data[len(data)-2:]
	many := slices.Concat(data[:len(data)-2], bytes.Repeat(scan, 101), end)
	for _, text := range []string{"swap", "lane:off/swap", "lane:off/resize:20x20"} {
		if _, _, err := try(t, many, text); !errors.Is(err, wire.ErrBroken) {
			t.Errorf("%s: %v", text, err)
		}
	}
	want, _, err := try(t, data, "partial/swap")
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := try(t, many, "partial/swap"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("partial: %v, %d bytes instead of %d", err, len(got), len(want))
	}
}

// TestTilesAreAllTold: a tiled TIFF that is as wide as it says in only one
// place has no pixels for the rest, and as many tiles as it has it may not have.
func TestTilesAreAllTold(t *testing.T) {
	good := fromPNG(t, scene(40, 28), "tiffsave_target", vips.Options{"tile": true, "tile_width": 16, "tile_height": 16})
	width := bytes.Index(good, []byte("\x00\x01\x03\x00\x01\x00\x00\x00\x28\x00"))
	tile := bytes.Index(good, []byte("\x42\x01\x03\x00\x01\x00\x00\x00\x10\x00"))
	if width < 0 || tile < 0 {
		t.Fatal("no width, or no tiles")
	}
	if _, _, err := try(t, good, "swap"); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		width, tile uint16
		want        string
	}{{48, 16, ""}, {49, 16, "missing"}, {65_535, 16, "missing"}, {40, 8, "missing"}, {65_535, 1, "131070 tiles"}} {
		data := bytes.Clone(good)
		binary.LittleEndian.PutUint16(data[width+8:], c.width)
		binary.LittleEndian.PutUint16(data[tile+8:], c.tile)
		_, _, err := try(t, data, "swap")
		if refused := errors.Is(err, wire.ErrBroken) && strings.Contains(err.Error(), c.want); refused != (c.want != "") {
			t.Errorf("%d wide in tiles of %d: %v", c.width, c.tile, err)
		}
	}
}

// TestTilesOfLaterPages: all pages are looked at.
func TestTilesOfLaterPages(t *testing.T) {
	first := []byte("II*\x00\x08\x00\x00\x00\x01\x00\x00\x01\x03\x00\x01\x00\x00\x00\x08\x00\x00\x00\x1a\x00\x00\x00")
	second := []byte("\x04\x00\x00\x01\x03\x00\x01\x00\x00\x00\x08\x00\x00\x00\x01\x01\x03\x00\x01\x00\x00\x00\x08\x00\x00\x00" +
		"\x42\x01\x03\x00\x01\x00\x00\x00\x08\x00\x00\x00\x43\x01\x03\x00\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00")
	if _, _, err := try(t, slices.Concat(first, second), "swap"); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Error(err)
	}
}

// TestClaimsAreNoMemory: what only says that it is large is broken, and is not
// tried again as what has grown too large would be.
func TestClaimsAreNoMemory(t *testing.T) {
	tiff := bytes.Clone(sample(t)["tiff"])
	at := bytes.Index(tiff, []byte("\x02\x01\x03\x00\x03\x00\x00\x00")) // BitsPerSample, three shorts
	if at < 0 {
		t.Fatal("no BitsPerSample")
	}
	binary.LittleEndian.PutUint32(tiff[at+4:], 1<<31-1)
	gif := bytes.Clone(sample(t)["gif"])
	at = bytes.Index(gif, []byte("\x2c\x00\x00\x00\x00")) // the first frame's place
	if at < 0 {
		t.Fatal("no frame")
	}
	binary.LittleEndian.PutUint16(gif[at+3:], 65_535)
	for name, data := range map[string][]byte{"tiff": tiff, "gif": gif} {
		if _, _, err := try(t, data, "swap"); !errors.Is(err, wire.ErrBroken) && !errors.Is(err, wire.ErrTooManyPixels) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
