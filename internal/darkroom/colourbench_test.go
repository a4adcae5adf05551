package darkroom_test

import (
	"fmt"
	"syscall"
	"testing"

	"minilab/internal/darkroom"
)

// BenchmarkColour tells the processor time of each operation in milliseconds a
// megapixel, without decoding and encoding.
func BenchmarkColour(b *testing.B) {
	texts := []string{
		"swap", "channel:red", "matrix:0.4,0.4,0.2,0.3,0.6,0.1,0.2,0.2,0.6", "grayscale", "sepia", "duotone", "tint:ff8000", "invert",
		"brightness:0.2", "contrast:1.5", "brightness:0.2/contrast:1.5/gamma:1.6", "saturation:1.8", "hue:90", "gamma:1.6", "levels:0.1:0.9",
		"curves:0,0,0.25,0.15,0.75,0.85,1,1", "normalize", "equalize", "threshold", "posterize:3", "profile:srgb", "profile:p3", "facts",
	}
	for _, kind := range []scene{motley(3, false), motley(4, false), motley(3, true)} {
		kind.width, kind.height = 2000, 1000
		tray := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
		source := kind.sheet(b, tray, 1).Image
		for _, text := range texts {
			b.Run(fmt.Sprintf("%dx%d/%s", 8*map[bool]int{false: 1, true: 2}[kind.deep], kind.bands, text), func(b *testing.B) {
				before := processorTime(b)
				for b.Loop() {
					own := darkroom.NewTray(darkroom.Limits{MaxPixels: 1 << 24})
					sheet := own.Sheet(source, 1)
					for _, step := range parsed(b, text) {
						if err := sheet.Apply(step); err != nil {
							b.Fatal(err)
						}
					}
					if err := sheet.Drain(); err != nil {
						b.Fatal(err)
					}
					own.Close()
				}
				b.ReportMetric(float64(processorTime(b)-before)/1e3/float64(b.N)/2, "ms/MP")
			})
		}
		tray.Close()
	}
}

// processorTime is that of this process in microseconds.
func processorTime(tb testing.TB) int64 {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return (u.Utime.Nano() + u.Stime.Nano()) / 1000
}
