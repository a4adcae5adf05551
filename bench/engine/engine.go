package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"minilab/internal/engine"
	"minilab/internal/pipeline"
)

const program = "minilab-engine"

// engineProcess is a pool of engine processes, of which the first is measured.
type engineProcess struct {
	process

	pool      *engine.Pool
	processes int
}

func startEngine(processes int) (*engineProcess, error) {
	path, err := filepath.Abs(filepath.Join("bin", program))
	if err != nil {
		return nil, err
	}
	before, err := children(program)
	if err != nil {
		return nil, err
	}
	limits := engine.DefaultLimits()
	limits.RecycleJobs = 1 << 20 // the one that is measured stays
	pool, err := engine.New(engine.Config{Path: path, Processes: processes, Limits: limits}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	after, err := children(program)
	if err != nil {
		pool.Close()
		return nil, err
	}
	fresh := slices.DeleteFunc(after, func(p process) bool { return slices.Contains(before, p) })
	if len(fresh) == 0 {
		pool.Close()
		return nil, errors.New(program + " has ended")
	}
	return &engineProcess{fresh[0], pool, processes}, nil
}

// develop implements subject.
func (e *engineProcess) develop(ctx context.Context, r row, p photo) (cost, error) {
	line, err := pipeline.Parse(r.pipeline)
	if err != nil {
		return cost{}, err
	}
	return timed(e.process, func() (int64, error) {
		result, err := e.run(ctx, line, p)
		if err != nil {
			return 0, err
		}
		defer result.Close()
		return result.Outputs[0].Size(), nil
	})
}

func (e *engineProcess) run(ctx context.Context, line pipeline.Pipeline, p photo) (engine.Result, error) {
	in, err := received(p.data)
	if err != nil {
		return engine.Result{}, err
	}
	return e.alter(ctx, line, in)
}

// received is a buffer with the parts of an image, as it comes to a worker.
func received(parts ...[]byte) (*engine.Buffer, error) {
	in, err := engine.NewBuffer("in", 1<<30)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		if _, err := in.Write(part); err != nil {
			in.Close()
			return nil, err
		}
	}
	return in, nil
}

// alter closes the buffer when it is done with it.
func (e *engineProcess) alter(ctx context.Context, line pipeline.Pipeline, in *engine.Buffer) (engine.Result, error) {
	defer in.Close()
	return e.pool.Run(ctx, engine.Job{Owner: "public", Outputs: []pipeline.Pipeline{line}, Input: in})
}

func (e *engineProcess) close() { e.pool.Close() }

// timed measures what f costs the process.
func timed(p process, f func() (int64, error)) (cost, error) {
	before, err := p.cpu()
	if err != nil {
		return cost{}, err
	}
	start := time.Now()
	size, err := f()
	wall := time.Since(start)
	if err != nil {
		return cost{}, err
	}
	after, err := p.cpu()
	return cost{cpu: after - before, wall: wall, size: size}, err
}
