package main

import (
	"context"
	"fmt"
	"time"

	"minilab/internal/trials"
)

// idleTime is how long the lab is watched while nothing is asked of it.
const idleTime = 10 * time.Second

// footprint is what the services have of memory after a load of tiny images
// and photographs, and what they take of a core when idle. The engines are the
// worker's children and not counted.
func footprint(ctx context.Context, o options, t *table) error {
	photos, err := load(o.photos)
	if err != nil {
		return err
	}
	return withLab(ctx, o, trials.SixProcesses, func(l *trials.Lab) error {
		base := l.URL("frontend")
		if _, err := through(ctx, base, [][]byte{tinyImage()}, o.tasks/3, o.customers); err != nil {
			return err
		}
		if _, err := through(ctx, base, photos, 2*perRound, 8); err != nil {
			return err
		}
		var sum, peaks, shared int64
		for _, p := range l.Processes() {
			now, err := p.Memory("VmRSS")
			if err != nil {
				return err
			}
			most, err := p.Memory("VmHWM")
			if err != nil {
				return err
			}
			pss, err := p.Memory("Pss")
			if err != nil {
				return err
			}
			sum, peaks, shared = sum+now, peaks+most, shared+pss
			t.row("memory of "+p.Name+" after load, at most", fmt.Sprintf("%d MB, %d MB", now>>20, most>>20))
		}
		t.row("memory of the six services, summed up, at most", fmt.Sprintf("%d MB, %d MB", sum>>20, peaks>>20))
		t.row("memory of the six services together, what they share counted once", fmt.Sprintf("%d MB", shared>>20))
		return idle(ctx, l, t)
	})
}

func idle(ctx context.Context, l *trials.Lab, t *table) error {
	before, err := used(l)
	if err != nil {
		return err
	}
	select {
	case <-time.After(idleTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := used(l)
	t.row("processor of the six services when idle", fmt.Sprintf("%.2f %% of a core", 100*(after-before).Seconds()/idleTime.Seconds()))
	return err
}

func used(l *trials.Lab) (sum time.Duration, err error) {
	for _, p := range l.Processes() {
		d, err := p.CPU()
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}
