package develop_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/develop"
	"minilab/internal/engine/wire"
	"minilab/internal/fault"
	"minilab/internal/imagehead"
	"minilab/internal/pipeline"
)

// mustBeAsPixels: where the lane is not taken, turning it off changes nothing, and
// no error is another one.
func mustBeAsPixels(tb testing.TB, data []byte, text string) (lane string) {
	tb.Helper()
	out, result, err := try(tb, data, text)
	want, slow, wrong := try(tb, data, "lane:off/"+text)
	if (err == nil) != (wrong == nil) || fault.From(err) != nil && fault.From(wrong) != nil && fault.From(err).Code != fault.From(wrong).Code {
		tb.Errorf("%s: the error is %v, and through pixels %v", text, err, wrong)
	}
	if err != nil {
		return ""
	}
	mustSayTheSame(tb, text, result, slow)
	if result.Facts.Lane == "pixels" && !bytes.Equal(out, want) {
		tb.Errorf("%s: there are other bytes than through pixels, %d and %d", text, len(out), len(want))
	}
	return result.Facts.Lane
}

// TestStrangeImagesGoThroughPixels: what the lane finds strange, at whatever
// place, comes out as if there was no lane.
func TestStrangeImagesGoThroughPixels(t *testing.T) {
	m := meadow(96, 80)
	plain := writeJPEG(t, m, ways("4:2:0"))
	end := len(plain) - 2
	strange := map[string][]byte{
		"bytes before the end": slices.Insert(bytes.Clone(plain), end, []byte("what is this")...),
		"zeros before the end": slices.Insert(bytes.Clone(plain), end, make([]byte, 5000)...),
		"no end":               plain[:end],
		"a table twice":        bytes.Replace(plain, []byte{0xff, 0xdb, 0, 67, 0}, []byte{0xff, 0xdb, 0, 67, 1}, 1),
	}
	for _, sampling := range []string{"4:1:1", "4:1:0", "2x2 1x2", "2x1 2x1", "2x2 2x1 1x2"} {
		strange[sampling] = writeJPEG(t, m, ways(sampling))
	}
	rgb := ways("4:4:4")
	rgb.RGB, rgb.JFIF = true, nil
	strange["RGB"] = writeJPEG(t, m, rgb)
	for _, image := range theCorpus(t) {
		if image.Format == "jpeg" {
			strange[image.Name] = image.Data
		}
	}
	for name, data := range strange {
		for _, text := range []string{"swap", "flip", "invert", "strip", "jpeg:80", "crop:16x16:northwest", "grayscale"} {
			t.Run(text+" of "+name, func(t *testing.T) { mustBeAsPixels(t, data, text) })
		}
	}
	for _, name := range []string{"4:1:1", "4:1:0", "2x2 2x1 1x2", "RGB", "jpeg CMYK", "jpeg YCCK with a profile", "jpeg RGB, told by Adobe"} {
		if strange[name] == nil {
			t.Errorf("%s is not in the corpus", name)
		} else if lane := mustBeAsPixels(t, strange[name], "swap"); lane != "pixels" {
			t.Errorf("%s takes the lane %s", name, lane)
		}
	}
}

// TestDamagedImagesGoThroughPixels changes and leaves out bytes anywhere.
func TestDamagedImagesGoThroughPixels(t *testing.T) {
	restarts, progressive := ways("4:2:0"), ways("4:2:0")
	restarts.Restart, progressive.Progressive = 2, true
	sources := [][]byte{
		writeJPEG(t, meadow(96, 80), ways("4:2:0")), writeJPEG(t, meadow(96, 80), restarts), writeJPEG(t, meadow(96, 80), progressive),
		withSegment(writeJPEG(t, meadow(96, 80), ways("4:4:4")), 0xe1, exif(6)),
	}
	lanes := make(map[string]int)
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 6))
		data := damaged(random, sources[random.IntN(len(sources))])
		text := []string{"swap", "flip", "rotate:90/invert", "strip", "jpeg:80:sampling=420", "crop:16x16:northwest"}[random.IntN(6)]
		t.Run(fmt.Sprintf("seed %d, %s", seed, text), func(t *testing.T) { lanes[mustBeAsPixels(t, data, text)]++ })
	}
	if lanes[""] < 20 || lanes["coefficient"] < 20 {
		t.Errorf("the lanes are %v: this tests nothing", lanes)
	}
}

func damaged(random *rand.Rand, data []byte) []byte {
	data = bytes.Clone(data)
	at := 2 + random.IntN(len(data)-2)
	switch random.IntN(5) {
	case 0:
		return data[:at]
	case 1:
		data[at] ^= 1 << random.IntN(8)
	case 2:
		data[at] = byte(random.Uint32())
	case 3:
		return slices.Delete(data, at, min(at+1+random.IntN(20), len(data)))
	case 4:
		return slices.Insert(data, at, byte(random.Uint32()), byte(random.Uint32()))
	}
	return data
}

// TestWhatTheLaneHasWrittenIsTakenBack: the last bytes of a large image are the
// strange ones, after most of the result was written.
func TestWhatTheLaneHasWrittenIsTakenBack(t *testing.T) {
	data := writeJPEG(t, meadow(1600, 1200), ways("4:4:4"))
	odd := slices.Insert(bytes.Clone(data), len(data)-2, []byte("what is this")...)
	for _, text := range []string{"swap", "jpeg:95", "flop"} {
		whole, result := run(t, data, text)
		if result.Facts.Lane != "coefficient" {
			t.Fatalf("%s takes the lane %s", text, result.Facts.Lane)
		}
		if lane := mustBeAsPixels(t, odd, text); lane != "pixels" {
			t.Errorf("%s of a strange image takes the lane %s", text, lane)
		}
		if out, _ := run(t, odd, text); len(out) == len(whole) {
			t.Errorf("%s: both results have %d bytes", text, len(out))
		}
	}
}

// TestFilesAreEmptied to their last byte, and written from their first one again.
func TestFilesAreEmptied(t *testing.T) {
	targets := []develop.Target{{File: memfd(t)}, {File: memfd(t)}}
	for _, target := range targets {
		if n, err := unix.Write(target.File, make([]byte, 5000)); n != 5000 || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := develop.Empty(targets); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		if n, err := unix.Write(target.File, []byte("new")); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		if got := contents(t, target.File); string(got) != "new" {
			t.Errorf("the file holds %d bytes", len(got))
		}
	}
}

// several develops one image for several pipelines.
func several(tb testing.TB, data []byte, most int64, texts ...string) (outs [][]byte, result develop.Result, err error) {
	tb.Helper()
	job := develop.Job{Input: data, Limits: develop.Limits{MaxPixels: 1 << 26, MaxFrames: imagehead.MaxFrames, MaxPages: imagehead.MaxFrames, MaxOutput: most}}
	for _, text := range texts {
		p, err := pipeline.Parse(text)
		if err != nil {
			tb.Fatal(err)
		}
		job.Outputs = append(job.Outputs, develop.Target{Pipeline: p, File: memfd(tb)})
	}
	result, err = develop.Develop(job)
	for _, target := range job.Outputs {
		outs = append(outs, contents(tb, target.File))
	}
	return outs, result, err
}

// TestSeveralResultsOfTheLane: all of them take it, or none, and each is what it
// is alone.
func TestSeveralResultsOfTheLane(t *testing.T) {
	data := writeJPEG(t, meadow(96, 80), ways("4:2:0"))
	for _, c := range []struct {
		lane  string
		texts []string
	}{
		{"coefficient", []string{"swap", "flip", "rotate:90/strip", "jpeg:60", "swap"}},
		{"coefficient", []string{"flip", "lane:off/flip"}}, // the second is read by itself
		{"pixels", []string{"lane:off/flip", "flip"}},
		{"pixels", []string{"swap", "flip", "resize:48"}},
		{"pixels", []string{"flip", "crop:40x40:x=8:y=8"}},
	} {
		outs, result, err := several(t, data, 1<<26, c.texts...)
		if err != nil || result.Facts.Lane != c.lane || len(result.Outputs) != len(c.texts) {
			t.Errorf("%q: %v, lane %s, %d outputs", c.texts, err, result.Facts.Lane, len(result.Outputs))
			continue
		}
		for i, text := range c.texts {
			want, alone := run(t, data, text)
			if c.lane == "coefficient" && !bytes.Equal(outs[i], want) {
				t.Errorf("%q: %s is %d bytes, alone %d", c.texts, text, len(outs[i]), len(want))
			}
			if fmt.Sprint(result.Outputs[i]) != fmt.Sprint(alone.Outputs[0]) {
				t.Errorf("%q: %s says %+v, alone %+v", c.texts, text, result.Outputs[i], alone.Outputs[0])
			}
		}
	}
}

// TestResultsOfTheLaneAreLimited, to the byte.
func TestResultsOfTheLaneAreLimited(t *testing.T) {
	data := writeJPEG(t, meadow(96, 80), ways("4:2:0"))
	for _, text := range []string{"swap", "rotate:90", "strip", "jpeg:70"} {
		whole, _ := run(t, data, text)
		out, result, err := tryWithin(t, data, text, 1<<26, int64(len(whole)))
		if err != nil || result.Facts.Lane != "coefficient" || !bytes.Equal(out, whole) {
			t.Errorf("%s just within: %v, lane %s, %d bytes", text, err, result.Facts.Lane, len(out))
		}
		for _, less := range []int{1, 2, len(whole) / 2, len(whole)} {
			if _, _, err := tryWithin(t, data, text, 1<<26, int64(len(whole)-less)); !errors.Is(err, wire.ErrOutputTooLarge) {
				t.Errorf("%s with %d bytes less: %v", text, less, err)
			}
		}
	}
}
