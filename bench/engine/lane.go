package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"minilab/internal/engine/wire"
	"minilab/internal/pipeline"
)

// laneRows are what the coefficient lane is measured with. The bare lane has all
// of these operations, bare libjpeg-turbo some.
var laneRows = []struct {
	row

	turbo bool
}{
	{row{name: "lane, swap", pipeline: "swap", bare: "swap"}, true},
	{row{name: "lane, grayscale", pipeline: "grayscale", bare: "grayscale"}, true},
	{row{name: "lane, jpeg:80", pipeline: "jpeg:80", bare: "jpeg", quality: 80}, true},
	{row{name: "lane, rotate:90", pipeline: "rotate:90", bare: "rotate"}, false},
	{row{name: "lane, crop", pipeline: "crop:1600x1200:x=256:y=192", bare: "crop"}, false},
}

// The subjects of a row of the lane, in their order.
const (
	byEngine = iota
	byBareLane
	byHandOver
	byPixels
	byTurbo
)

// lanes prints what the coefficient lane costs in the engine process and the
// worker's part of it, beside other ways to the same. The last column is what the
// way to the engine process and back costs; see handOver.
func (b *bench) lanes(ctx context.Context) error {
	fmt.Fprint(b.out, "\n| operation | engine and worker: CPU ms, wall ms, MB, kB written | libvips way | bare libjpeg-turbo | bare lane "+
		"| turbo to engine, aim | libvips way to engine, aim | engine to bare lane | hand-over to engine, aim |\n"+
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range laneRows {
		if !b.only.MatchString(r.name) {
			continue
		}
		if err := b.laneRow(ctx, r.row, r.turbo); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

func (b *bench) laneRow(ctx context.Context, r row, turbo bool) error {
	subjects, err := b.laneSubjects(ctx, turbo)
	defer func() {
		for _, s := range subjects {
			s.close()
		}
	}()
	if err != nil {
		return err
	}
	photos, err := b.fitting(ctx, r)
	if err != nil {
		return err
	}
	if len(photos) == 0 {
		fmt.Fprintf(b.out, "| %s | not for any of the photographs |\n", r.name)
		return nil
	}
	all, _, err := b.turns(ctx, r, photos, subjects)
	if err != nil {
		return err
	}
	cells := []string{fmt.Sprintf("%s, %d photographs", r.name, len(photos))}
	for _, i := range []int{byEngine, byPixels, byTurbo, byBareLane} {
		cells = append(cells, cell(subjects, all, nil, i))
	}
	cells = append(cells, ratio(all, byTurbo, byEngine)+", 1.5", ratio(all, byPixels, byEngine)+", 2",
		ratio(all, byEngine, byBareLane), ratio(all, byHandOver, byEngine)+", 0.03")
	fmt.Fprintf(b.out, "| %s |\n", strings.Join(cells, " | "))
	return nil
}

func (b *bench) laneSubjects(ctx context.Context, turbo bool) (all []subject, err error) {
	for _, start := range []func() (subject, error){
		func() (subject, error) { return startWorker("") },
		func() (subject, error) { return startBare(ctx, b.dir, bareLane) },
		startHandOver,
		func() (subject, error) { return startWorker("lane:off/") },
		func() (subject, error) { return startBare(ctx, b.dir, bareTurbo) },
	} {
		if len(all) == byTurbo && !turbo {
			break
		}
		s, err := start()
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

// fitting are the photographs that the lane takes.
func (b *bench) fitting(ctx context.Context, r row) (photos []photo, err error) {
	line, err := pipeline.Parse(r.pipeline)
	if err != nil {
		return nil, err
	}
	e, err := startEngine(1)
	if err != nil {
		return nil, err
	}
	defer e.close()
	for _, p := range slices.Concat(b.photos, b.sampled) {
		result, err := e.run(ctx, line, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.path, err)
		}
		if result.Facts["lane"] == "coefficient" {
			photos = append(photos, p)
		}
		result.Close()
	}
	return photos, nil
}

// workerAndEngine is an engine process and this one, which is its worker: what
// both use is counted from when the image has come, as it is for the bare loops,
// to when the result has been let go.
type workerAndEngine struct {
	*engineProcess

	prefix string // of pipelines
}

func startWorker(prefix string) (subject, error) {
	e, err := startEngine(1)
	return &workerAndEngine{e, prefix}, err
}

// develop implements subject.
func (w *workerAndEngine) develop(ctx context.Context, r row, p photo) (cost, error) {
	line, err := pipeline.Parse(w.prefix + r.pipeline)
	if err != nil {
		return cost{}, err
	}
	in, err := received(p.data)
	if err != nil {
		return cost{}, err
	}
	return w.timed(func() (int64, error) {
		result, err := w.alter(ctx, line, in)
		if err != nil {
			return 0, err
		}
		defer result.Close()
		return result.Outputs[0].Size(), nil
	})
}

// timed measures what f costs the engine process and this one.
func (w *workerAndEngine) timed(f func() (int64, error)) (cost, error) {
	worker := process(os.Getpid())
	before, err := worker.cpu()
	if err != nil {
		return cost{}, err
	}
	c, err := timed(w.process, f)
	if err != nil {
		return cost{}, err
	}
	after, err := worker.cpu()
	c.cpu += after - before
	return c, err
}

// handOver is the way of an image from the worker's buffer to the engine process
// and the answer's way back: it is no image, so that there is nothing else to do.
// Buffers come with it as with any job.
type handOver struct{ workerAndEngine }

func startHandOver() (subject, error) {
	e, err := startEngine(1)
	return &handOver{workerAndEngine{engineProcess: e}}, err
}

// develop implements subject.
func (h *handOver) develop(ctx context.Context, r row, p photo) (cost, error) {
	line, err := pipeline.Parse(r.pipeline)
	if err != nil {
		return cost{}, err
	}
	const magic = 2
	in, err := received(make([]byte, magic), p.data[magic:])
	if err != nil {
		return cost{}, err
	}
	return h.timed(func() (int64, error) {
		_, err := h.alter(ctx, line, in)
		if errors.Is(err, wire.ErrNotImage) {
			err = nil
		}
		return 0, err
	})
}
