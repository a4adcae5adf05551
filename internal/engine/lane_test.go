package engine_test

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"slices"
	"testing"

	"minilab/internal/engine"
	"minilab/internal/engine/enginetest"
	"minilab/internal/pipeline"
)

// TestTheLaneBehindTheWalls: the coefficient lane, and the way back from it after
// most of a result was written, need nothing that the walls forbid.
func TestTheLaneBehindTheWalls(t *testing.T) {
	pool := realPool(t, nil)
	jpg := func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, &jpeg.Options{Quality: 90}) }
	plain := encoded(t, jpg, picture(1600, 1200))
	progressive, _ := mustMake(t, pool, plain, "jpeg:90:sampling=420:progressive")
	odd := func(data []byte) []byte {
		return slices.Insert(bytes.Clone(data), len(data)-2, []byte("what is this")...)
	}
	for name, c := range map[string]struct {
		data []byte
		lane string
	}{
		"baseline": {plain, "coefficient"}, "progressive": {progressive, "coefficient"}, "strange": {odd(plain), "pixels"},
	} {
		for _, text := range []string{"swap", "grayscale", "flop", "rotate:90", "crop:800x608:x=16:y=32/swap", "strip"} {
			out, lane := mustMake(t, pool, c.data, text)
			if lane != c.lane {
				t.Errorf("%s of the %s one takes the lane %s, want %s", text, name, lane, c.lane)
			}
			if _, err := jpeg.Decode(bytes.NewReader(out)); err != nil {
				t.Errorf("%s of the %s one: %v", text, name, err)
			}
		}
	}
	if _, err := pool.Run(t.Context(), jobOf(t, plain[:len(plain)*3/4], "rotate:90")); !errors.Is(err, engine.ErrBroken) {
		t.Errorf("three quarters of it: %v", err)
	}
}

// TestTheLanesResultsAreLimited in the process too.
func TestTheLanesResultsAreLimited(t *testing.T) {
	data := encoded(t, func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }, picture(640, 480))
	pool := realPool(t, func(l *engine.Limits) { l.MaxOutput = int64(len(data) / 2) })
	for _, text := range []string{"swap", "rotate:90"} {
		if _, err := pool.Run(t.Context(), jobOf(t, data, text)); !errors.Is(err, engine.ErrOutputTooLarge) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func jobOf(tb testing.TB, data []byte, text string) engine.Job {
	tb.Helper()
	p, err := pipeline.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	input := enginetest.Input(tb, data)
	tb.Cleanup(func() { input.Close() })
	return engine.Job{Outputs: []pipeline.Pipeline{p}, Input: input}
}

func mustMake(tb testing.TB, pool *engine.Pool, data []byte, text string) (out []byte, lane any) {
	tb.Helper()
	result, err := pool.Run(tb.Context(), jobOf(tb, data, text))
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	defer result.Close()
	out, err = io.ReadAll(result.Outputs[0].Reader())
	if err != nil {
		tb.Fatal(err)
	}
	return out, result.Facts["lane"]
}
