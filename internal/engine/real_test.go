package engine_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"minilab/internal/engine"
	"minilab/internal/engine/enginetest"
	"minilab/internal/pipeline"
)

// What becomes of which format is package develop's business, and tested
// there; here the real engine runs behind its walls.

func realPool(tb testing.TB, change func(*engine.Limits)) *engine.Pool {
	tb.Helper()
	l := engine.DefaultLimits()
	if change != nil {
		change(&l)
	}
	return enginetest.Pool(tb, engine.Config{Path: enginetest.Engine(tb), Processes: 1, Limits: l})
}

func picture(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.SetNRGBA(i%w, i/w, color.NRGBA{R: uint8(i), G: uint8(i / 7), B: uint8(i / w), A: 255})
	}
	return m
}

func encoded(tb testing.TB, encode func(io.Writer, image.Image) error, m image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := encode(&b, m); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func develop(tb testing.TB, pool *engine.Pool, data []byte) ([]byte, engine.Result, error) {
	tb.Helper()
	input := enginetest.Input(tb, data)
	defer input.Close()
	result, err := pool.Run(tb.Context(), engine.Job{Outputs: []pipeline.Pipeline{pipeline.Default()}, Input: input})
	if err != nil {
		return nil, result, err
	}
	defer result.Close()
	out, err := io.ReadAll(result.Outputs[0].Reader())
	if err != nil {
		tb.Fatal(err)
	}
	return out, result, nil
}

func TestTheEngineSaysWhatItCanDo(t *testing.T) {
	hello := realPool(t, nil).Hello()
	for _, want := range []string{"image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "image/avif"} {
		if !slices.Contains(hello.Formats, want) {
			t.Errorf("%s is missing in %v", want, hello.Formats)
		}
	}
	if len(hello.Walls) != 3 || hello.Library == "" || hello.Version == "" {
		t.Errorf("hello is %+v", hello)
	}
}

// On a kernel without Landlock an engine starts only when it is told to, and
// then behind all walls that are left.
func TestNoLandlockNoEngine(t *testing.T) {
	config := engine.Config{Path: enginetest.WithoutLandlock(t), Processes: 1, Limits: engine.DefaultLimits()}
	_, err := engine.New(config, slog.New(slog.DiscardHandler))
	if !errors.Is(err, engine.ErrNoEngine) || !strings.Contains(err.Error(), "no Landlock") || !strings.Contains(err.Error(), "--engine-unsafe") {
		t.Errorf("without: %v", err)
	}
	config.Unsafe = true
	pool := enginetest.Pool(t, config)
	if up := pool.Hello().Walls; !slices.Equal(up, []string{"rlimits", "seccomp"}) {
		t.Errorf("walls: %v", up)
	}
	if _, _, err := develop(t, pool, encoded(t, png.Encode, picture(10, 10))); err != nil {
		t.Error(err)
	}
}

func TestImagesThroughTheRealEngine(t *testing.T) {
	pool := realPool(t, nil)
	m := picture(200, 120)
	out, result, err := develop(t, pool, encoded(t, png.Encode, m))
	if err != nil {
		t.Fatal(err)
	}
	back, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for y := range 120 {
		for x := range 200 {
			a, b := m.NRGBAAt(x, y), color.NRGBAModel.Convert(back.At(x, y)).(color.NRGBA)
			if a.R != b.B || a.G != b.G || a.B != b.R {
				t.Fatalf("pixel %d,%d was %v and is %v", x, y, a, b)
			}
		}
	}
	if result.Outputs[0].ContentType != "image/png" || result.Facts["width"] != 200 || result.Facts["lane"] != "pixels" {
		t.Errorf("result is %+v", result)
	}
	jpg := func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }
	if _, result, err = develop(t, pool, encoded(t, jpg, m)); err != nil || result.Facts["quality"] != 75 || result.Facts["lane"] != "coefficient" {
		t.Errorf("JPEG: %+v, %v", result, err)
	}
	for _, c := range []struct {
		data []byte
		want error
	}{
		{nil, engine.ErrNotImage},
		{[]byte("no image"), engine.ErrNotImage},
		{encoded(t, jpg, m)[:1000], engine.ErrBroken},
	} {
		if _, _, err := develop(t, pool, c.data); !errors.Is(err, c.want) {
			t.Errorf("%d bytes: %v, want %v", len(c.data), err, c.want)
		}
	}
}

func TestTheRealEngineHoldsItsLimits(t *testing.T) {
	data := encoded(t, png.Encode, picture(300, 300))
	for name, c := range map[string]struct {
		change func(*engine.Limits)
		want   error
	}{
		"pixels": {func(l *engine.Limits) { l.MaxPixels = 300*300 - 1 }, engine.ErrTooManyPixels},
		"output": {func(l *engine.Limits) { l.MaxOutput = 1000 }, engine.ErrOutputTooLarge},
		"time":   {func(l *engine.Limits) { l.Timeout = 1 }, engine.ErrTimeout},
	} {
		big := data
		if name == "time" {
			big = encoded(t, (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode, picture(4000, 3000))
		}
		if _, _, err := develop(t, realPool(t, c.change), big); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMemoryIsLimited(t *testing.T) {
	// An interlaced image is kept whole while it is decoded: 36 MB here.
	small := realPool(t, func(l *engine.Limits) { l.Memory = 20 << 20 })
	data := interlaced(t, 4000, 3000)
	if _, _, err := develop(t, small, data); !errors.Is(err, engine.ErrMemory) {
		t.Errorf("with 20 MB: %v", err)
	}
	if _, _, err := develop(t, small, encoded(t, png.Encode, picture(10, 10))); err != nil {
		t.Errorf("the next image: %v", err)
	}
	if _, _, err := develop(t, realPool(t, nil), data); err != nil {
		t.Errorf("with enough: %v", err)
	}
}

// TestLargeImagesNeedNoDisk: an image that is kept whole while it is decoded is
// kept in memory, whatever its size; there is no other place.
func TestLargeImagesNeedNoDisk(t *testing.T) {
	pool := realPool(t, nil)
	for name, data := range map[string][]byte{"png": interlaced(t, 6000, 6000), "webp": blankWebP(6000, 6000)} {
		if _, _, err := develop(t, pool, data); err != nil { // 108 MB
			t.Errorf("%s: %v", name, err)
		}
	}
}

// blankWebP is an image of one colour: codes of no bits, for as many pixels as
// there are (RFC 9649, 3.5 and 3.7).
func blankWebP(width, height uint32) []byte {
	chunk := binary.LittleEndian.AppendUint32([]byte{0x2f}, width-1|(height-1)<<14)
	chunk = append(chunk, 0x88, 0x88, 0x08, 0, 0) // no transforms, five codes of one symbol each; padding
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(12+len(chunk)))
	b = binary.LittleEndian.AppendUint32(append(b, "WEBPVP8L"...), uint32(len(chunk)))
	return append(b, chunk...)
}

func TestTheRealEngineLeaksNoFiles(t *testing.T) {
	pool := realPool(t, nil)
	data := encoded(t, png.Encode, picture(20, 20))
	count := func() int {
		for _, child := range children(t) {
			if entries, err := os.ReadDir("/proc/" + child + "/fd"); err == nil && len(entries) > 0 {
				return len(entries)
			}
		}
		t.Fatal("no engine process")
		return 0
	}
	before := count()
	for range 50 {
		if _, _, err := develop(t, pool, data); err != nil {
			t.Fatal(err)
		}
		if _, _, err := develop(t, pool, data[:50]); err == nil {
			t.Fatal("a broken image was developed")
		}
	}
	if after := count(); after > before {
		t.Errorf("%d files are open, %d were before", after, before)
	}
}

// children are the process ids of this process's children.
func children(tb testing.TB) []string {
	tb.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err == nil {
			all = append(all, strings.Fields(string(data))...)
		}
	}
	return all
}

func BenchmarkOverhead(b *testing.B) {
	pool := enginetest.Pool(b, engine.Config{Path: enginetest.Engine(b), Processes: 1, Limits: engine.Limits{
		MaxPixels: 1 << 20, MaxOutput: 1 << 20, Memory: 1 << 30, Timeout: 1 << 40, RecycleJobs: 1 << 30,
	}})
	data := encoded(b, png.Encode, picture(1, 1))
	for b.Loop() {
		if _, _, err := develop(b, pool, data); err != nil {
			b.Fatal(err)
		}
	}
}
