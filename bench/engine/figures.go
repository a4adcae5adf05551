package main

import (
	"context"
	"fmt"
	"image"
	"strconv"
	"sync"
	"time"

	"minilab/internal/pipeline"
)

const (
	pairRounds   = 7
	pairPhotos   = 16 // in a round
	memoryRounds = 3
)

// pairs prints how many more photographs two engine processes alter than one,
// round by round in turns. One that has both cores uses more than one of them:
// the library decodes in one thread and the engine encodes in another.
func (b *bench) pairs(ctx context.Context) error {
	fmt.Fprint(b.out, "\n| figure | measured | aim |\n| --- | --- | --- |\n")
	const name = "two engine processes, photographs a second to one's"
	if !b.only.MatchString(name) {
		return nil
	}
	var all [3]*engineProcess // on one core, on any, two of them
	for i, processes := range []int{1, 1, 2} {
		e, err := startEngine(processes)
		if err != nil {
			return err
		}
		defer e.close()
		if i == 0 {
			if err := e.pin(0); err != nil {
				return err
			}
		}
		all[i] = e
	}
	var pinned, free []float64
	for round := range pairRounds {
		var took [3]time.Duration
		for i, e := range all {
			var err error
			if took[i], err = b.round(ctx, e, e.processes); err != nil {
				return err
			}
		}
		if round > 0 { // the second process starts in the first
			pinned = append(pinned, took[0].Seconds()/took[2].Seconds())
			free = append(free, took[1].Seconds()/took[2].Seconds())
		}
	}
	same := func(v float64) float64 { return v }
	b.figure(name+" on one core", fmt.Sprintf("%.2f", median(pinned, same)), "at least 1.8")
	b.figure(name+" that has both", fmt.Sprintf("%.2f", median(free, same)), "")
	return nil
}

// round is how long it takes to alter some photographs, so many at a time.
func (b *bench) round(ctx context.Context, e *engineProcess, parallel int) (time.Duration, error) {
	next := make(chan photo)
	faults := make(chan error, pairPhotos)
	var all sync.WaitGroup
	start := time.Now()
	for range parallel {
		all.Go(func() {
			for p := range next {
				result, err := e.run(ctx, pipeline.Default(), p)
				result.Close()
				faults <- err
			}
		})
	}
	for i := range pairPhotos {
		next <- b.photos[i%len(b.photos)]
	}
	close(next)
	all.Wait()
	wall := time.Since(start)
	for range pairPhotos {
		if err := <-faults; err != nil {
			return 0, err
		}
	}
	return wall, nil
}

// large is the photograph that memory is measured with: 22 megapixels.
var large = image.Pt(5632, 3904)

// streaming are pipelines for which no step has to see the whole picture.
var streaming = []string{"lane:off/swap", "resize:512x512/jpeg:80", "resize:2048x2048/sharpen:1/jpeg:80", "grayscale/jpeg:80", "png"}

// memory prints how much an engine process that has altered nothing else takes.
func (b *bench) memory(ctx context.Context) error {
	p, err := makePhoto(b.dir, large, 22)
	if err != nil {
		return err
	}
	if err := b.peaks(ctx, p, "swap", "under 30 MB"); err != nil { // by the lane
		return err
	}
	for _, text := range append(streaming, "rotate:90") { // which the lane keeps as codes
		if err := b.peaks(ctx, p, text, "under 60 MB"); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) peaks(ctx context.Context, p photo, text, aim string) error {
	name := "memory of an engine process, 22 megapixels, " + text
	if !b.only.MatchString(name) {
		return nil
	}
	most, err := peakOf(ctx, text, p)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	b.figure(name, strconv.FormatInt(most>>20, 10)+" MB", aim)
	return nil
}

func peakOf(ctx context.Context, text string, p photo) (int64, error) {
	line, err := pipeline.Parse(text)
	if err != nil {
		return 0, err
	}
	e, err := startEngine(1)
	if err != nil {
		return 0, err
	}
	defer e.close()
	for range memoryRounds {
		result, err := e.run(ctx, line, p)
		if err != nil {
			return 0, err
		}
		result.Close()
	}
	return e.peak()
}

func (b *bench) figure(name, measured, aim string) {
	fmt.Fprintf(b.out, "| %s | %s | %s |\n", name, measured, aim)
}
