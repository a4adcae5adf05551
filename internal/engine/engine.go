// Package engine is the worker's side of the image engine: it keeps a pool of
// engine processes, hands each one image at a time, and holds them to their
// limits. A process that crashes, hangs or eats memory costs that one attempt
// and nothing else.
package engine

import (
	"time"

	"minilab/internal/fault"
	"minilab/internal/pipeline"
)

// Limits of one attempt. Every field must be set; see DefaultLimits.
type Limits struct {
	MaxPixels   int64         // width x height x frames of the source
	MaxOutput   int64         // bytes of one output
	Memory      int64         // bytes of address space that a job may add to the process
	Timeout     time.Duration // wall time of one job
	RecycleJobs int           // a process is replaced after so many jobs
}

// Job is one image and what shall become of it.
type Job struct {
	Owner    string // a process that saw one owner's pixels is never given another's
	Pipeline pipeline.Pipeline
	Input    *Buffer // sealed; stays the caller's
}

// Result is what a job gave. The caller closes Output.
type Result struct {
	Output      *Buffer
	ContentType string
	Facts       map[string]any // width, height, format, pages … of the source
}

// Faults of the image: the attempt must not be repeated.
var (
	ErrNotImage       = fault.New(fault.Unsupported, "not-an-image", "this is not an image in a format that is read here")
	ErrBroken         = fault.New(fault.Unprocessable, "broken-image", "the image is broken or cut off")
	ErrTooManyPixels  = fault.New(fault.TooLarge, "too-many-pixels", "the image has more pixels than allowed")
	ErrOutputTooLarge = fault.New(fault.TooLarge, "output-too-large", "the result would be larger than allowed")
)

// Faults of the process: it died or was killed; the attempt may be repeated once.
var (
	ErrCrashed = fault.New(fault.Unprocessable, "decoder-crashed", "the image crashed its decoder")
	ErrTimeout = fault.New(fault.Unprocessable, "decoder-timeout", "the image took too long")
	ErrMemory  = fault.New(fault.Unprocessable, "decoder-memory", "the image needed more memory than allowed")
)
