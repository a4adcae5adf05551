package darkroom

import "minilab/internal/pipeline"

// Shrink is how many times smaller a step makes an upright image of that size,
// at least, if the image may be decoded smaller for it: by averaging values that
// lie side by side. Otherwise it is 1.
func Shrink(step pipeline.Step, width, height int) float64 {
	if step.Op() != "resize" || step.Flag("linear") || step.Value("kernel") == "nearest" {
		return 1
	}
	r := planned(step, width, height)
	return max(1, min(float64(width)/float64(r.width), float64(height)/float64(r.height)))
}
