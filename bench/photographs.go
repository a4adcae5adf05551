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
// processes alone, and prints the median, the ratio of the medians, and the
// processor time that the services, without the engines, take for a photograph.
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
	for i, topology := range []trials.Topology{trials.OneProcess, trials.SixProcesses} {
		name := []string{", one process", ", six processes"}[i]
		err := withLab(ctx, o, topology, func(l *trials.Lab) error { return turns(ctx, l, pool, images, t, name) })
		if err != nil {
			return err
		}
	}
	return nil
}

func turns(ctx context.Context, l *trials.Lab, pool *engine.Pool, images [][]byte, t *table, name string) error {
	var lab, bare, services []float64
	var labTimes, bareTimes result
	for i := range rounds + 1 {
		before, err := used(l)
		if err != nil {
			return err
		}
		r, err := through(ctx, l.URL("frontend"), images, perRound, perEngine*runtime.NumCPU())
		if err != nil {
			return err
		}
		after, err := used(l)
		if err != nil {
			return err
		}
		b, err := each(perRound, runtime.NumCPU(), func(i int) error { return alter(ctx, pool, images[i%len(images)]) })
		if err != nil {
			return err
		}
		if i > 0 {
			lab, bare = append(lab, r.perSecond()), append(bare, b.perSecond())
			services = append(services, 1000*(after-before).Seconds()/perRound)
			labTimes.tasks, bareTimes.tasks = append(labTimes.tasks, r.tasks...), append(bareTimes.tasks, b.tasks...)
		}
	}
	t.row("photographs, end to end"+name, fmt.Sprintf("%.1f/s", median(lab)), labTimes.tasks...)
	t.row("the same through the engine processes alone", fmt.Sprintf("%.1f/s", median(bare)), bareTimes.tasks...)
	t.row("ratio", fmt.Sprintf("%.2f", median(lab)/median(bare)))
	t.row("processor time of the services for each", fmt.Sprintf("%.1f ms", median(services)))
	return nil
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
