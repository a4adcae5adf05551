package develop_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"minilab/internal/pipeline"
)

// TestAnyPipelineIsTheSameWithoutTheLane: with any values of any of the steps
// that the lane knows, turning it off changes neither the error nor what is said
// of the result, and hardly the picture.
func TestAnyPipelineIsTheSameWithoutTheLane(t *testing.T) {
	sources := laneSources(t)
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range sources {
			if !yield(name) {
				return
			}
		}
	})
	lanes := make(map[string]int)
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 60))
		name := names[random.IntN(len(names))]
		text := anySteps(random)
		t.Run(fmt.Sprintf("seed %d: %s of %s", seed, text, name), func(t *testing.T) {
			lane := mustBeAsPixels(t, sources[name], text)
			lanes[lane]++
			if lane == "coefficient" {
				mustShowTheSame(t, sources[name], text)
			}
		})
	}
	if lanes[""] < 20 || lanes["coefficient"] < 50 || lanes["pixels"] < 50 {
		t.Errorf("the lanes are %v: this tests little", lanes)
	}
}

// mustShowTheSame: both ways lose some of the picture, which is a soft one.
func mustShowTheSame(tb testing.TB, data []byte, text string) {
	tb.Helper()
	lane, _ := run(tb, data, text)
	pixels, _ := run(tb, data, "lane:off/"+text)
	mustResemble(tb, toPNG(tb, lane, "jpegload_source", 0), toPNG(tb, pixels, "jpegload_source", 0), 30)
	if a, b := headOf(tb, lane), headOf(tb, pixels); !bytes.Equal(a, b) {
		tb.Errorf("%s: the head is\n%q\nand through pixels\n%q", text, a, b)
	}
}

// anySteps are steps that the lane may know, with any values.
func anySteps(random *rand.Rand) string {
	declared := make(map[string]pipeline.Op)
	for _, op := range pipeline.Ops() {
		declared[op.Name] = op
	}
	names := []string{
		"swap", "swap", "grayscale", "invert", "saturation", "contrast", "brightness", "hue", "flip", "flop", "rotate", "rotate", "orient", "orient",
		"crop", "crop", "crop", "strip", "strip", "jpeg",
	}
	for {
		var steps []string
		for range 1 + random.IntN(4) {
			steps = append(steps, anyStep(random, declared[names[random.IntN(len(names))]]))
		}
		text := strings.Join(steps, "/")
		if _, err := pipeline.Parse(text); err == nil {
			return text
		}
	}
}

func anyStep(random *rand.Rand, op pipeline.Op) string {
	switch op.Name {
	case "saturation", "contrast":
		return fmt.Sprintf("%s:%.2f", op.Name, 1.2*random.Float64())
	case "rotate":
		return fmt.Sprintf("rotate:%d", 90*(random.IntN(9)-4))
	case "crop":
		if random.IntN(2) == 0 { // on borders
			return fmt.Sprintf("crop:%dx%d:x=%d:y=%d", 8+8*random.IntN(8), 8+8*random.IntN(8), 16*random.IntN(4), 16*random.IntN(4))
		}
	}
	return randomStep(random, op)
}
