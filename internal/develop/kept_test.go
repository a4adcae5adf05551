package develop_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"minilab/internal/engine/wire"
	"minilab/internal/vips"
)

// labelled is a lossless AVIF that says so of its colours, in primaries,
// transfer function and matrix of ITU-T H.273. With another matrix than 0 its
// pixels are others.
func labelled(tb testing.TB, label [3]uint16) []byte {
	tb.Helper()
	data := fromPNG(tb, deep(scene(64, 48), 10), "heifsave_target", vips.Options{
		"compression": "av1", "lossless": true, "effort": 1, "bitdepth": 10,
	})
	at := bytes.Index(data, []byte("colrnclx"))
	if at < 0 {
		tb.Fatal("no colr box")
	}
	for i, v := range label {
		binary.BigEndian.PutUint16(data[at+8+2*i:], v)
	}
	return data
}

func TestAVIFKeepsItsColourSpaceOrIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		label [3]uint16
		want  error
	}{
		"sRGB":                 {[3]uint16{1, 13, 6}, nil},
		"BT.709":               {[3]uint16{1, 1, 1}, nil},
		"not told":             {[3]uint16{2, 2, 2}, nil},
		"Display P3":           {[3]uint16{12, 13, 6}, wire.ErrColour},
		"BT.2020 PQ":           {[3]uint16{9, 16, 9}, wire.ErrColour},
		"BT.2020 HLG":          {[3]uint16{9, 18, 9}, wire.ErrColour},
		"ICtCp":                {[3]uint16{9, 16, 14}, wire.ErrColour},
		"lossless BT.2020 PQ":  {[3]uint16{9, 16, 0}, nil},
		"lossless, P3, linear": {[3]uint16{12, 8, 0}, nil},
	} {
		data := labelled(t, c.label)
		out, _, err := try(t, data, "swap")
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && c.label[2] == 0 && !bytes.Contains(out, data[bytes.Index(data, []byte("colrnclx")):][:15]) {
			t.Errorf("%s: the label changed", name)
		}
	}
}

func TestAVIFStaysLossless(t *testing.T) {
	for _, depth := range []int{8, 10, 12} {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			data := fromPNG(t, deep(scene(64, 48), depth), "heifsave_target", vips.Options{
				"compression": "av1", "lossless": true, "effort": 1, "bitdepth": depth,
			})
			out, result := run(t, data, "swap")
			if result.Facts.Bits != depth {
				t.Errorf("facts are %+v", result.Facts)
			}
			mustEqual(t, toPNG(t, out, "heifload_source", 0), reference(toPNG(t, data, "heifload_source", 0), "bgr"))
		})
	}
}

func TestAnimationsThatWouldStopAreRefused(t *testing.T) {
	still := encodePNG(t, scene(8, 8))
	const afterHeader = 33
	animated := func(frames uint32) []byte {
		control := binary.BigEndian.AppendUint32([]byte("acTL"), frames)
		control = binary.BigEndian.AppendUint32(control, 0)
		chunk := []byte{0, 0, 0, 8} // its length
		chunk = append(chunk, control...)
		chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(control))
		return slices.Insert(bytes.Clone(still), afterHeader, chunk...)
	}
	if _, _, err := try(t, animated(1), "swap"); err != nil {
		t.Errorf("a PNG of one frame: %v", err)
	}
	film := append(sample(t)["avif"], "\x00\x00\x00\x1cmoov\x00\x00\x00\x14stsz\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"...)
	for name, data := range map[string][]byte{"PNG": animated(2), "AVIF": film} {
		for _, order := range []string{"swap", "swap:rgb"} {
			if out, _, err := try(t, data, order); !errors.Is(err, wire.ErrAnimation) || len(out) > 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
