package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"minilab/internal/trials"
)

// result is a run: how long it took in all, and each task.
type result struct {
	wall  time.Duration
	tasks []time.Duration
}

func (r result) perSecond() float64 { return float64(len(r.tasks)) / r.wall.Seconds() }

func (r result) String() string { return fmt.Sprintf("%.0f/s", r.perSecond()) }

// milliseconds is a quantile of the times.
func milliseconds(times []time.Duration, q float64) string {
	sorted := slices.Sorted(slices.Values(times))
	return strconv.FormatFloat(1000*sorted[int(q*float64(len(sorted)-1))].Seconds(), 'f', 1, 64)
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

// each calls f n times, from so many goroutines, and times each call.
func each(n, parallel int, f func(i int) error) (result, error) {
	r := result{tasks: make([]time.Duration, n)}
	faults := make(chan error, n)
	next := make(chan int)
	var all sync.WaitGroup
	start := time.Now()
	for range parallel {
		all.Go(func() {
			for i := range next {
				begun := time.Now()
				faults <- f(i)
				r.tasks[i] = time.Since(begun)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	r.wall = time.Since(start)
	for range n {
		if err := <-faults; err != nil {
			return r, err
		}
	}
	return r, nil
}

// through hands n images in, from so many customers at a time, each of which
// waits for the end of its task.
func through(ctx context.Context, base string, images [][]byte, n, customers int) (result, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: customers}
	defer transport.CloseIdleConnections()
	c := trials.Customer{Base: base, HTTP: &http.Client{Transport: transport}}
	return each(n, customers, func(i int) error {
		id, err := c.Upload(ctx, images[i%len(images)])
		if err != nil {
			return err
		}
		s, err := c.Await(ctx, id)
		if err == nil && s.Status != "finished" {
			err = fmt.Errorf("%s has %s: %s", id, s.Status, s.Error.Detail)
		}
		return err
	})
}

// tiny is the overhead of a task.
func tiny(ctx context.Context, o options, t *table) error {
	images := [][]byte{tinyImage()}
	for i, topology := range []trials.Topology{trials.OneProcess, trials.SixProcesses} {
		name := []string{"one process", "six processes"}[i]
		err := withLab(ctx, o, topology, func(l *trials.Lab) error {
			base := l.URL("frontend")
			if _, err := through(ctx, base, images, o.tasks/5, o.customers); err != nil { // does not count
				return err
			}
			many, err := through(ctx, base, images, o.tasks, o.customers)
			if err != nil {
				return err
			}
			t.row(fmt.Sprintf("tiny tasks, %s, %d customers", name, o.customers), many.String(), many.tasks...)
			one, err := through(ctx, base, images, 300, 1)
			if err == nil {
				t.row("tiny tasks, "+name+", 1 customer", one.String(), one.tasks...)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
