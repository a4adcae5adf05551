package develop_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"minilab/internal/engine/wire"
	"minilab/internal/vips"
)

func TestJPEGsWithMissingPixelsAreBroken(t *testing.T) {
	m := eightBit(opaque(noise(301, 203)))
	for ways, options := range map[string]vips.Options{
		"sequential":  nil,
		"progressive": {"interlace": true},
		"restarts":    {"restart_interval": 5},
	} {
		data := fromPNG(t, m, "jpegsave_target", options)
		frame := bytes.Index(data, []byte{0xff, map[bool]byte{true: 0xc2, false: 0xc0}[ways == "progressive"]})
		larger := bytes.Clone(data)
		binary.BigEndian.PutUint16(larger[frame+5:], 2000)
		binary.BigEndian.PutUint16(larger[frame+7:], 2000)
		smaller := bytes.Clone(data)
		binary.BigEndian.PutUint16(smaller[frame+5:], 30)
		zeroed := bytes.Clone(data)
		clear(zeroed[len(zeroed)/2:][:3000])
		stuffed := slices.Insert(bytes.Clone(zeroed), frame, []byte("a harmless warning before")...)
		for name, bad := range map[string][]byte{
			"half of it":        append(bytes.Clone(data[:len(data)/2]), 0xff, 0xd9),
			"a larger size":     larger,
			"a smaller size":    smaller,
			"zeros":             zeroed,
			"zeros and strings": stuffed,
		} {
			for _, order := range []string{"swap", "swap:rgb"} {
				_, _, err := try(t, bad, order)
				if !errors.Is(err, wire.ErrBroken) {
					t.Errorf("%s, %s, %s: %v", ways, name, order, err)
				} else if strings.Contains(err.Error(), "marker") {
					t.Errorf("%s, %s: this is not for people: %v", ways, name, err)
				}
			}
		}
	}
}

// TestWhatCamerasLeaveBehindIsHarmless: bytes between segments, before the end
// and after it, and another image there.
func TestWhatCamerasLeaveBehindIsHarmless(t *testing.T) {
	m := scene(301, 203)
	data := fromPNG(t, m, "jpegsave_target", nil)
	scan, end := bytes.LastIndex(data, []byte("\xff\xda")), len(data)-2
	for name, odd := range map[string][]byte{
		"between segments": slices.Insert(bytes.Clone(data), scan, []byte("what is this")...),
		"before the end":   slices.Insert(bytes.Clone(data), end, []byte("what is this")...),
		"zeros before it":  slices.Insert(bytes.Clone(data), end, make([]byte, 5000)...),
		"much after it":    append(bytes.Clone(data), make([]byte, 9000)...),
		"another image":    append(bytes.Clone(data), data...),
	} {
		out, _, err := try(t, odd, "swap")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		mustResemble(t, toPNG(t, out, "jpegload_source", 0), reference(m, "bgr"), 30)
	}
}
