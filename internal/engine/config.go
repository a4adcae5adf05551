package engine

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says which engine to run and how.
type Config struct {
	Path      string // of the minilab-engine executable
	Processes int    // how many at once; 0: one for each core
	Limits    Limits
	Unsafe    bool // run even where the kernel cannot wall the processes in

	Metrics prometheus.Registerer // nil: none
}

// Limits of one attempt. Every field must be set; see DefaultLimits.
type Limits struct {
	MaxPixels   int64         // width x height x pages of the source
	MaxFrames   int           // of an animation
	MaxPages    int           // of a document
	MaxOutput   int64         // bytes of one output
	Memory      int64         // bytes of memory that a job may add to the process
	Timeout     time.Duration // wall time of one job
	RecycleJobs int           // a process is replaced after so many jobs
}

// DefaultLimits take any photograph of today and stop what is made to hurt.
func DefaultLimits() Limits {
	return Limits{
		MaxPixels:   250_000_000,
		MaxFrames:   10_000,
		MaxPages:    10_000,
		MaxOutput:   1 << 30,
		Memory:      2 << 30,
		Timeout:     2 * time.Minute,
		RecycleJobs: 500,
	}
}

// Validate reports all that is wrong.
func (c Config) Validate() error {
	var all []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			all = append(all, fmt.Errorf("engine: "+format, args...))
		}
	}
	check(c.Path != "", "the path of the executable is not set")
	check(c.Processes >= 0, "the number of processes is %d", c.Processes)
	check(c.Limits.MaxPixels > 0, "the limit of pixels is %d", c.Limits.MaxPixels)
	check(c.Limits.MaxFrames > 0, "the limit of frames is %d", c.Limits.MaxFrames)
	check(c.Limits.MaxPages > 0, "the limit of pages is %d", c.Limits.MaxPages)
	check(c.Limits.MaxOutput > 0, "the limit of the output is %d bytes", c.Limits.MaxOutput)
	check(c.Limits.Memory > 0, "the limit of memory is %d bytes", c.Limits.Memory)
	check(c.Limits.Timeout > 0, "the time limit is %v", c.Limits.Timeout)
	check(c.Limits.RecycleJobs > 0, "a process is replaced after %d jobs", c.Limits.RecycleJobs)
	return errors.Join(all...)
}

func (c Config) processes() int {
	if c.Processes > 0 {
		return c.Processes
	}
	return runtime.NumCPU()
}
