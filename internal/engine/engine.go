// Package engine is the worker's side of the image engine: it keeps a pool of
// engine processes, hands each one image at a time, and holds them to their
// limits. A process that crashes, hangs or eats memory costs that one attempt
// and nothing else.
//
//	pool, err := engine.New(engine.Config{Path: "bin/minilab-engine", Limits: engine.DefaultLimits()}, log)
//	defer pool.Close()
//	input, err := engine.NewBuffer("input", maxInput)
//	defer input.Close()
//	_, err = input.ReadFrom(body)
//	result, err := pool.Run(ctx, engine.Job{Owner: "alice", Outputs: []pipeline.Pipeline{pipeline.Default()}, Input: input})
//	defer result.Close()
package engine

import (
	"minilab/internal/engine/wire"
	"minilab/internal/fault"
	"minilab/internal/pipeline"
)

// Job is one image and what shall become of it.
type Job struct {
	Owner       string              // a process that saw one owner's pixels is never given another's
	Outputs     []pipeline.Pipeline // one or more results that are wanted
	Input       *Buffer             // Run seals it; it stays the caller's
	Attachments map[string]*Buffer  // further images that operations ask for, by name; as Input
}

// Result is what a job gave. The caller closes it.
type Result struct {
	Outputs []Output       // as the job asked for them
	Facts   map[string]any // format, width, height, pages, bits, bands … of the source
}

// Output is one result of a job.
type Output struct {
	*Buffer     // sealed
	ContentType string
	Facts       map[string]any // width, height, pages, and what the operation facts has measured
}

// Close frees the memory of all outputs.
func (r Result) Close() {
	for _, o := range r.Outputs {
		o.Close()
	}
}

// Hello is what an engine process says when it is ready: its version, that of
// its library, the formats it reads and writes, and its walls.
type Hello = wire.Hello

// Faults of the image: the attempt must not be repeated.
var (
	ErrNotImage       = wire.ErrNotImage
	ErrBroken         = wire.ErrBroken
	ErrTooManyPixels  = wire.ErrTooManyPixels
	ErrOutputTooLarge = wire.ErrOutputTooLarge
	ErrAnimation      = wire.ErrAnimation
	ErrColour         = wire.ErrColour
	ErrNoPage         = wire.ErrNoPage
	ErrOperation      = wire.ErrOperation
)

// Faults of the process: it died or was killed; the attempt may be repeated once.
var (
	ErrCrashed = fault.New(fault.Unprocessable, "decoder-crashed", "the image crashed its decoder")
	ErrTimeout = fault.New(fault.Unprocessable, "decoder-timeout", "the image took too long")
	ErrMemory  = wire.ErrMemory
)

// Faults of ours, which say nothing about the image.
var (
	ErrNoEngine = fault.New(fault.Unavailable, "engine-unavailable", "the image engine cannot be started")
	ErrClosed   = fault.New(fault.Unavailable, "engine-closed", "the image engine is shutting down")
)
