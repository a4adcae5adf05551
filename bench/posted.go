package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"time"

	"minilab/internal/trials"
)

// postedRounds is how many photographs one customer hands in, one after the other.
const postedRounds = 40

// allowance is what a photograph may take beside the engine's own work on it.
const allowance = 30 * time.Millisecond

// posted measures one photograph at a time from the beginning of its POST to the
// last byte of its result, by turns with the same image through an idle engine
// process alone.
func posted(ctx context.Context, o options, t *table) error {
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
		name := []string{"one process", "six processes"}[i]
		err := withLab(ctx, o, topology, func(l *trials.Lab) error {
			var whole, bare, beyond []float64
			var times result
			for n := range postedRounds + runtime.NumCPU() {
				img := images[n%len(images)]
				lab, err := each(1, 1, func(int) error { return postAndGet(ctx, l.URL("frontend"), img) })
				if err != nil {
					return err
				}
				alone, err := each(1, 1, func(int) error { return alter(ctx, pool, img) })
				if err != nil {
					return err
				}
				if n < runtime.NumCPU() {
					continue // each engine process begins once
				}
				whole, bare = append(whole, lab.wall.Seconds()), append(bare, alone.wall.Seconds())
				beyond = append(beyond, (lab.wall-allowance).Seconds()/alone.wall.Seconds())
				times.tasks = append(times.tasks, lab.wall)
			}
			t.row("one photograph, POST to result, "+name, fmt.Sprintf("%.0f ms", 1000*median(whole)), times.tasks...)
			t.row("less 30 ms, to an engine process alone", fmt.Sprintf("%.2f of %.0f ms", median(beyond), 1000*median(bare)))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// postAndGet hands an image in, waits for its task in the same call and reads
// its result.
func postAndGet(ctx context.Context, base string, img []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/v1/tasks?fresh=true", bytes.NewReader(img))
	if err != nil {
		return err
	}
	req.Header.Set("Prefer", "wait=30")
	body, err := read(req)
	if err != nil {
		return err
	}
	var task struct {
		State   string
		Outputs []struct{ URL string }
	}
	if err := json.Unmarshal(body, &task); err != nil || task.State != "finished" {
		return fmt.Errorf("the task is %s, %w", body, err)
	}
	if req, err = http.NewRequestWithContext(ctx, http.MethodGet, base+task.Outputs[0].URL, nil); err != nil {
		return err
	}
	_, err = read(req)
	return err
}

func read(req *http.Request) ([]byte, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return body, err
}
