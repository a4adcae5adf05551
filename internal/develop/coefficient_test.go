package develop_test

import (
	"image"
	"testing"

	"minilab/internal/vips"
)

// laneSources are JPEGs for which pipelines are planned. A unit of the first is
// 16 pixels wide and high, and it is made of whole ones.
func laneSources(tb testing.TB) map[string][]byte {
	tb.Helper()
	m := scene(101, 83)
	whole := func(w, h int) image.Image { return m.SubImage(image.Rect(0, 0, w, h)) }
	restarts, progressive := ways("4:2:0"), ways("4:2:0")
	restarts.Restart, progressive.Progressive = 2, true
	grey := vips.JPEG{Components: []vips.Component{{H: 1, V: 1}}, Tables: ways("4:2:0").Tables}
	return map[string][]byte{
		"":            writeJPEG(tb, whole(96, 80), ways("4:2:0")),
		"4:2:2":       writeJPEG(tb, whole(96, 80), ways("4:2:2")),
		"4:4:0":       writeJPEG(tb, whole(96, 80), ways("4:4:0")),
		"4:4:4":       writeJPEG(tb, whole(96, 80), ways("4:4:4")),
		"4:1:1":       writeJPEG(tb, whole(96, 80), ways("4:1:1")),
		"uneven":      writeJPEG(tb, m, ways("4:2:0")),
		"fine uneven": writeJPEG(tb, m, ways("4:4:4")),
		"restarts":    writeJPEG(tb, whole(96, 80), restarts),
		"progressive": writeJPEG(tb, whole(96, 80), progressive),
		"grey":        writeJPEG(tb, greyed(whole(96, 80)), grey),
		"profile":     withProfile(tb, whole(96, 80), "jpegsave_target", nil),
		"turned":      withSegment(writeJPEG(tb, m, ways("4:2:0")), 0xe1, exif(6)),
		"turned flat": withSegment(writeJPEG(tb, whole(101, 80), ways("4:2:0")), 0xe1, exif(6)),
	}
}

// lanes are pipelines, by the lane that they are to take and why.
var lanes = []struct {
	lane, why string
	source    string // of laneSources
	pipelines []string
}{
	{"coefficient", "colours trade places", "", []string{"swap", "swap:gbr", "swap:rbg", "swap/swap:gbr", "lane/swap", "lane:auto/swap"}},
	{"copy", "nothing changes", "", []string{"swap:rgb", "swap/swap", "swap:gbr/swap:gbr/swap:gbr", "lane:auto/swap:rgb", "lane:off/swap:rgb"}},
	{"copy", "grey has nothing to reorder", "grey", []string{"swap", "swap:gbr", "lane:auto/swap"}},
	{"coefficient", "no colour can leave the range", "", []string{
		"invert", "grayscale", "saturation:0", "saturation:0.5", "saturation:1", "contrast:0", "contrast:0.5", "contrast:1", "brightness:0",
		"hue:0", "invert/swap/grayscale/invert",
	}},
	{"coefficient", "a step before made room", "", []string{
		"contrast:0.5/brightness:0.25", "contrast:0.5/brightness:-0.25", "contrast:0.5/contrast:2", "saturation:0.5/saturation:2",
		"contrast:0.3/hue:90", "saturation:0.5/invert/saturation:1.5", "grayscale/saturation:5", "grayscale/hue:90",
	}},
	{"pixels", "colours may leave the range", "", []string{
		"saturation:1.1", "contrast:1.1", "brightness:0.01", "brightness:-0.01", "brightness:1", "hue:90", "hue:-5",
		"contrast:0.5/brightness:0.26", "contrast:0.5/brightness:-0.26", "brightness:0.25/contrast:0.5", "contrast:2/contrast:0.5",
		"contrast:0.5/contrast:2.1", "grayscale/contrast:1.1", "contrast:0.9/hue:90",
	}},
	{"pixels", "greys do not stay grey, or it is not linear", "", []string{
		"sepia", "tint:ff8000", "duotone", "gamma:1.6", "levels:0.1:0.9", "curves:0,0,0.25,0.15,1,1", "threshold", "posterize:3", "normalize",
		"equalize", "matrix:0.5,0,0,0,0.4,0,0,0,0.3", "grayscale/sepia", "profile:srgb",
	}},
	{"pixels", "neighbours are mixed, or it is looked at", "", []string{
		"resize:48", "blur:2", "sharpen", "facts", "trim", "extend:200x200", "pad:8:8:8:8", "crop:64x48:smart", "crop:64x48:entropy", "rotate:45",
		"rotate:1", "swap/resize:48", "flip/facts",
	}},
	{"coefficient", "the image is made of whole units", "", []string{
		"flip", "flop", "rotate:90", "rotate:180", "rotate:270", "rotate:-90", "rotate:-180", "rotate:-270", "rotate:0", "rotate:360",
		"orient", "orient:none", "orient:1", "orient:2", "orient:3", "orient:4", "orient:5", "orient:6", "orient:7", "orient:8",
		"flip/flop/rotate:90/swap", "orient:6/orient:6",
	}},
	{"coefficient", "what becomes the first pixel lies on a border of units", "", []string{
		"crop:64x48:x=16:y=16", "crop:64x48", "crop:50x30:northwest", "crop:48x32:southeast", "crop:48x1:northeast", "crop:1x1:northwest",
		"crop:aspect=1,1:gravity=west", "crop:32x32:focal=0.5,0.4", "crop:32x32:focal=0,0", "crop:50px40p:x=0:y=0", "crop:64x48:smart:x=16:y=32",
		"crop:500x500", "crop:48x30:northwest/flop", "flop/crop:48x30:northwest", "crop:50x32:northwest/flip",
		"rotate:90/crop:32x48:x=16:y=32/rotate:-90/crop:20x20:x=16:y=16", "crop:64x64:x=16:y=0/crop:30x30:x=32:y=16",
	}},
	{"pixels", "what becomes the first pixel lies within a unit", "", []string{
		"crop:64x48:x=8:y=16", "crop:64x48:x=16:y=8", "crop:60x40", "crop:50x30:southeast", "crop:aspect=1,1", "crop:32x32:focal=0.5,0.45",
		"crop:50x30:northwest/flop", "crop:50x30:northwest/flip", "crop:50x30:northwest/rotate:90", "crop:64x64:x=16:y=0/crop:30x30:x=31:y=16",
	}},
	{"coefficient", "units are smaller without sampling", "4:4:4", []string{"crop:64x48:x=8:y=16", "crop:aspect=1,1", "crop:48x48"}},
	{"coefficient", "units are as wide as they are high only where both are sampled", "4:2:2", []string{"crop:64x48:x=16:y=8", "rotate:90/crop:40x40:x=8:y=16"}},
	{"pixels", "units are as wide as they are high only where both are sampled", "4:2:2", []string{"crop:64x48:x=8:y=8", "rotate:90/crop:40x40:x=16:y=8"}},
	{"coefficient", "units are as wide as they are high only where both are sampled", "4:4:0", []string{"crop:64x48:x=8:y=16", "rotate:90/crop:40x40:x=16:y=8"}},
	{"coefficient", "the last units, filled up, stay the last", "uneven", []string{"swap", "strip", "crop:48x48:x=16:y=0/flop", "orient:1", "jpeg:80"}},
	{"pixels", "units that are filled up would come first", "uneven", []string{"flip", "flop", "rotate:90", "rotate:180", "rotate:270", "orient:2", "crop:40x40:southeast"}},
	{"coefficient", "but mirrored about the diagonal", "uneven", []string{"orient:5", "rotate:90/flop", "flip/rotate:90"}},
	{"pixels", "units that are filled up would come first", "fine uneven", []string{"flip", "rotate:90"}},
	{"coefficient", "it is not turned", "turned", []string{"swap", "invert", "strip:gps", "saturation:0.3/strip:gps", "orient:none", "orient:1/flip/flip"}},
	{"pixels", "it is turned upright, and ends within a unit", "turned", []string{"orient", "flip", "strip", "strip:copyright", "jpeg:80", "swap/jpeg:80", "rotate:0", "crop:16x16:northwest"}},
	{"coefficient", "it is turned upright, and begins on a border", "turned flat", []string{"orient", "strip", "strip:copyright", "jpeg:80", "swap/jpeg:80", "rotate:0", "crop:16x16:northwest"}},
	{"coefficient", "metadata", "", []string{"strip", "strip:gps", "strip:copyright", "strip:icc", "strip/swap", "swap/strip:gps", "strip:gps/strip"}},
	{"coefficient", "the profile stays", "profile", []string{"swap", "saturation:0", "strip:icc", "strip:gps", "jpeg:75", "flip/strip:icc:copyright"}},
	{"pixels", "the profile goes, and colours are converted", "profile", []string{"strip", "grayscale", "strip:copyright", "swap/grayscale", "grayscale/strip:icc"}},
	{"coefficient", "the same sampling at another quality", "", []string{
		"jpeg", "jpeg:1", "jpeg:60", "jpeg:89", "jpeg:95:sampling=420", "jpeg:60:background=red", "swap/jpeg:60", "rotate:90/jpeg:60", "grayscale/jpeg:95", "grayscale/jpeg:60:sampling=444",
	}},
	{"coefficient", "the same sampling at another quality", "4:4:4", []string{"jpeg:90", "jpeg:100", "jpeg:60:sampling=444"}},
	{"coefficient", "the same sampling at another quality", "4:2:2", []string{"jpeg:60:sampling=422", "rotate:90/jpeg:60:sampling=440"}},
	{"coefficient", "grey has no sampling", "grey", []string{"jpeg:60", "jpeg:95:sampling=444", "invert", "contrast:0.5", "saturation:9", "hue:90", "flip", "grayscale"}},
	{"pixels", "another sampling", "", []string{"jpeg:90", "jpeg:60:sampling=444", "jpeg:60:sampling=422", "flip/jpeg:95"}},
	{"pixels", "another sampling", "4:2:2", []string{"jpeg:60", "rotate:90/jpeg:60:sampling=422"}},
	{"pixels", "other scans", "", []string{"jpeg:60:progressive", "flip/jpeg:80:progressive"}},
	{"pixels", "other scans", "progressive", []string{"jpeg:60", "flip/jpeg"}},
	{"coefficient", "the same scans", "progressive", []string{"swap", "flip", "rotate:90", "grayscale", "crop:50x30:northwest", "jpeg:60:progressive", "strip"}},
	{"coefficient", "restart markers are written anew", "restarts", []string{"swap", "flip", "rotate:90", "jpeg:60", "crop:48x48:x=16:y=16"}},
	{"pixels", "the size decides, or it is another format", "", []string{"jpeg:maxbytes=2000", "png", "swap/webp:80", "auto", "flip/gif"}},
	{"pixels", "something is chosen of the file", "", []string{"page:1/swap", "frames:1:1/flip", "partial/swap", "partial/flip"}},
	{"pixels", "the lane is turned off", "", []string{"lane:off/swap", "lane:off/flip", "lane:off/strip", "lane:off/jpeg:60"}},
	{"pixels", "the sampling is rare", "4:1:1", []string{"swap", "flip", "strip", "invert"}},
}

// TestWhichPipelinesTakeTheLane: all that the lane can do goes through it, and
// what it cannot goes through pixels.
func TestWhichPipelinesTakeTheLane(t *testing.T) {
	sources := laneSources(t)
	for _, c := range lanes {
		for _, text := range c.pipelines {
			if got := laneOf(t, sources[c.source], text); got != c.lane {
				t.Errorf("%s %s takes the lane %s, want %s: %s", c.source, text, got, c.lane, c.why)
			}
		}
	}
}

func laneOf(tb testing.TB, data []byte, text string) string {
	tb.Helper()
	_, result := run(tb, data, text)
	return result.Facts.Lane
}

// TestRoomIsMadeByNoMoreThanIsThere goes to the end of the range in small steps.
func TestRoomIsMadeByNoMoreThanIsThere(t *testing.T) {
	data := laneSources(t)[""]
	for contrast, room := range map[string]string{"0.2": "0.4", "0.25": "0.375", "0.9": "0.05", "0.998": "0.001"} {
		for _, sign := range []string{"", "-"} {
			text := "contrast:" + contrast + "/brightness:" + sign + room
			if got := laneOf(t, data, text); got != "coefficient" {
				t.Errorf("%s takes the lane %s", text, got)
			}
			if got := laneOf(t, data, text+"1"); got != "pixels" {
				t.Errorf("%s1 takes the lane %s", text, got)
			}
		}
	}
}

// TestSizesThatFitTheLane tries each corner and every size of a unit.
func TestSizesThatFitTheLane(t *testing.T) {
	m := scene(101, 83)
	for sampling, unit := range map[string]image.Point{"4:4:4": {8, 8}, "4:2:2": {16, 8}, "4:4:0": {8, 16}, "4:2:0": {16, 16}} {
		for _, size := range []image.Point{{64, 48}, {72, 48}, {64, 56}, {72, 56}, {65, 48}, {64, 49}, {63, 47}, {1, 1}, {7, 48}} {
			data := writeJPEG(t, m.SubImage(image.Rectangle{Max: size}), ways(sampling))
			across, down := size.X%unit.X == 0, size.Y%unit.Y == 0
			for text, fits := range map[string]bool{
				"flop": across, "flip": down, "rotate:180": across && down, "rotate:90": down, "rotate:270": across,
				"orient:5": true, "orient:7": across && down, "swap": true,
			} {
				want := map[bool]string{true: "coefficient", false: "pixels"}[fits]
				if got := laneOf(t, data, text); got != want {
					t.Errorf("%s of %v of %s takes the lane %s, want %s", text, size, sampling, got, want)
				}
			}
		}
	}
}

// TestTheTableOfLanesIsWhole: every operation is in it.
func TestTheTableOfLanesIsWhole(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range lanes {
		for _, text := range c.pipelines {
			for _, p := range parsed(t, text) {
				for _, step := range p {
					seen[step.Op()] = true
				}
			}
		}
	}
	for _, name := range []string{"swap", "grayscale", "invert", "brightness", "contrast", "saturation", "hue", "flip", "flop", "rotate", "orient", "crop", "strip", "jpeg", "lane", "page", "frames", "partial", "facts"} {
		if !seen[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}
