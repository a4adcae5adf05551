package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"

	"minilab/internal/engine"
	"minilab/internal/pipeline"
	"minilab/internal/trials"
)

// Rounds of photographs, the first of which does not count.
const (
	rounds    = 5
	perRound  = 48
	perEngine = 4 // customers at a time for each engine process
)

// photographs measures rounds by turns, through a lab and through the engine
// processes alone, and prints the median and the ratio of the medians.
func photographs(ctx context.Context, o options, t *table) error {
	images, err := load(o.photos)
	if err != nil {
		return err
	}
	pool, err := newPool()
	if err != nil {
		return err
	}
	defer pool.Close()
	return withLab(ctx, o, trials.OneProcess, func(l *trials.Lab) error {
		var lab, bare []float64
		var labTimes, bareTimes result
		for i := range rounds + 1 {
			r, err := through(ctx, l.URL("frontend"), images, perRound, perEngine*runtime.NumCPU())
			if err != nil {
				return err
			}
			b, err := each(perRound, runtime.NumCPU(), func(i int) error { return alter(ctx, pool, images[i%len(images)]) })
			if err != nil {
				return err
			}
			if i > 0 {
				lab, bare = append(lab, r.perSecond()), append(bare, b.perSecond())
				labTimes.tasks, bareTimes.tasks = append(labTimes.tasks, r.tasks...), append(bareTimes.tasks, b.tasks...)
			}
		}
		t.row("photographs, end to end", fmt.Sprintf("%.1f/s", median(lab)), labTimes.tasks...)
		t.row("the same through the engine processes alone", fmt.Sprintf("%.1f/s", median(bare)), bareTimes.tasks...)
		t.row("ratio", fmt.Sprintf("%.2f", median(lab)/median(bare)))
		return nil
	})
}

func newPool() (*engine.Pool, error) {
	path, err := filepath.Abs("bin/minilab-engine")
	if err != nil {
		return nil, err
	}
	return engine.New(engine.Config{Path: path, Limits: engine.DefaultLimits()}, slog.New(slog.DiscardHandler))
}

func alter(ctx context.Context, pool *engine.Pool, img []byte) error {
	in, err := engine.NewBuffer("in", int64(len(img)))
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := in.Write(img); err != nil {
		return err
	}
	if err := in.Seal(); err != nil {
		return err
	}
	res, err := pool.Run(ctx, engine.Job{Owner: "public", Outputs: []pipeline.Pipeline{pipeline.Default()}, Input: in})
	if err != nil {
		return err
	}
	res.Close()
	return nil
}
