// Package batch hands many images in and stores what is made of them in a
// folder, such that the same call, after whatever end, goes on where the last
// one stopped: what is there is not done again, and what was handed in is
// picked up.
//
// The folder has a journal of it, .minilab/journal, a JSON object per line: one
// before an image is handed in, with the key that makes a second submission the
// same task; one with the task; one with the results.
package batch

import (
	"context"
	"sync"

	"minilab/client"
)

// Job is what is to be done.
type Job struct {
	Lab    *client.Client
	Order  client.Order
	Inputs []string // files, folders, and http and https URLs
	Out    string   // folder of the results; empty: they stay in the lab
	Wait   bool     // until the tasks have ended; Out waits in any case
	// Parallel is how many images are on their way at once, at least 1.
	Parallel int
	// Report is told of each image, by one goroutine at a time; nil: nobody is.
	Report func(Note)
}

// Kind is what has become of an image.
type Kind string

// The kinds. Each image has one note of the last five, if the run comes to it.
const (
	Found     Kind = "found"     // there is such an image
	Submitted Kind = "submitted" // and that is all that was asked for
	Finished  Kind = "finished"
	Present   Kind = "present" // its results were there already
	Failed    Kind = "failed"
	Passed    Kind = "passed" // over: no image that could be handed in, such as a pipe
)

// Note is what Report is told.
type Note struct {
	Kind  Kind
	Name  string // path in the folder, with slashes; or the URL
	Task  string // ID, once there is one
	Files []string
	Err   error
	// Failure is what the lab says of a task that has failed; Err says it too.
	Failure *client.Failure
}

// Summary counts the images by what became of them.
type Summary struct {
	Images, Submitted, Finished, Present, Failed, Passed int
}

// Run does the job. An error means that it was given up: what concerns one
// image only is counted, reported, and does not stop the others.
func Run(ctx context.Context, j Job) (Summary, error) {
	r := &run{Job: j, claimed: map[string]string{}}
	rolls, err := r.find()
	if err != nil {
		return r.sum, err
	}
	if r.work, err = r.fingerprint(ctx); err != nil {
		return r.sum, err
	}
	if j.Out != "" {
		if r.journal, err = openJournal(j.Out); err != nil {
			return r.sum, err
		}
		defer r.journal.close()
		r.claimKnown(rolls)
	}
	return r.all(ctx, rolls)
}

// run is one Run.
type run struct {
	Job
	work    string // what is done, as the journal has it
	journal *journal

	mu      sync.Mutex
	sum     Summary
	claimed map[string]string // by result's file: the image that it is of
}

// all does the images, Parallel at once. Images that may make a file of one
// name are done one after the other, so that it does not depend on luck which
// of them gets it.
func (r *run) all(ctx context.Context, rolls [][]image) (Summary, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan []image)
	var wg sync.WaitGroup
	for range max(1, r.Parallel) {
		wg.Go(func() {
			for roll := range next {
				for _, img := range roll {
					if err := r.one(ctx, img); err != nil {
						stop(err)
					}
				}
			}
		})
	}
	for _, roll := range rolls {
		select {
		case next <- roll:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return r.sum, context.Cause(ctx)
}

// one does an image. Its error ends the run.
func (r *run) one(ctx context.Context, img image) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the run has ended already
	}
	n := r.do(ctx, img)
	if n.Err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if n.Err != nil && general(n.Err, img) {
		return n.Err
	}
	r.tell(n)
	return nil
}

func (r *run) tell(n Note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[Kind]*int{
		Found: &r.sum.Images, Submitted: &r.sum.Submitted, Finished: &r.sum.Finished,
		Present: &r.sum.Present, Failed: &r.sum.Failed, Passed: &r.sum.Passed,
	}
	*counts[n.Kind]++
	if r.Report != nil {
		r.Report(n)
	}
}
