package workercheck

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/problem"
	"minilab/internal/taskdb"
)

// look is how often a task is looked at while it is waited for.
const look = 50 * time.Millisecond

// trial is one check under way.
type trial struct {
	*bench
	ctx    context.Context //nolint:containedctx // of one check, handed to nobody
	worker *process
}

// token is what the worker is given to show, in a lab that does not ask for it.
const token = "worker-check"

// begin starts the worker.
func (t *trial) begin() (err error) {
	t.worker, err = start(t.ctx, t.Command, "MINILAB_MASTER="+t.proxy.url, "MINILAB_OPERATION="+t.Operation, "MINILAB_TOKEN="+token)
	return err
}

// give hands the image in.
func (t *trial) give(image []byte, outputs ...pipeline.Named) (id string, err error) {
	p, err := pipeline.ParseOpen(t.Pipeline)
	if err != nil {
		return "", err
	}
	return t.submit(t.ctx, lab.Submission{Pipeline: p, Outputs: outputs}, image)
}

// beginWith starts the worker and hands it the input.
func (t *trial) beginWith(f faults) (id string, err error) {
	t.proxy.broken(f)
	if err := t.begin(); err != nil {
		return "", err
	}
	return t.give(t.Input)
}

// until waits for the calls of these kinds to be as wanted. It ends early when
// the worker does.
func (t *trial) until(what string, wanted func([]call) bool, kinds ...string) error {
	timer := time.NewTimer(t.Patience)
	defer timer.Stop()
	for {
		calls, changed := t.proxy.seen(kinds...)
		if wanted(calls) {
			return nil
		}
		select {
		case <-changed:
		case <-t.worker.ended:
			return fmt.Errorf("the worker has ended (%s) before %s", t.worker.end(), what)
		case <-timer.C:
			return fmt.Errorf("%s did not happen within %v; it has called: %s", what, t.Patience, t.told())
		case <-t.ctx.Done():
			return context.Cause(t.ctx)
		}
	}
}

// told is how often the worker has made each kind of call.
func (t *trial) told() string {
	calls, _ := t.proxy.seen()
	var names []string
	times := map[string]int{}
	for _, c := range calls {
		if times[c.kind]++; times[c.kind] == 1 {
			names = append(names, c.kind)
		}
	}
	if len(names) == 0 {
		return "nothing at all"
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d times", name, times[name])
	}
	return strings.Join(names[:min(len(names), 12)], ", ")
}

// some says that there is a call at all.
func some(calls []call) bool { return len(calls) > 0 }

// answered says that there is a call that has an answer with the status.
func answered(status int) func([]call) bool {
	return func(calls []call) bool {
		for _, c := range calls {
			if c.status == status {
				return true
			}
		}
		return false
	}
}

// settled waits for the task to be in one of the states, or to have lost a lease.
func (t *trial) settled(id string, states ...taskdb.State) (taskdb.Task, error) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for deadline := time.Now().Add(t.Patience); ; {
		task, err := t.tasks.Get(t.ctx, id)
		if err != nil {
			return task, err
		}
		for _, s := range states {
			if task.State == s {
				return task, nil
			}
		}
		switch {
		case task.Lost > 0:
			return task, errors.New("the worker has let the lease run out")
		case task.State.Ended():
			return task, fmt.Errorf("the task is %s%s", task.State, because(task))
		case time.Now().After(deadline):
			return task, fmt.Errorf("the task is still %s after %v%s; the worker has called: %s", task.State, t.Patience, because(task), t.told())
		case t.worker.end() != "":
			return task, fmt.Errorf("the worker has ended (%s) while the task was %s", t.worker.end(), task.State)
		}
		select {
		case <-ticker.C:
		case <-t.ctx.Done():
			return task, context.Cause(t.ctx)
		}
	}
}

func because(task taskdb.Task) string {
	if task.Error == nil {
		return ""
	}
	return fmt.Sprintf(" (%s: %s)", task.Error.Code, task.Error.Detail)
}

// finished waits for a task to be finished.
func (t *trial) finished(id string) error {
	_, err := t.settled(id, taskdb.Finished)
	return err
}

// next checks that the worker still does its work.
func (t *trial) next() error {
	id, err := t.give(t.Input)
	if err != nil {
		return err
	}
	if err := t.finished(id); err != nil {
		return fmt.Errorf("the next image was not done: %w", err)
	}
	return nil
}

// taken waits until the worker has got the task, and gives what it was told.
func (t *trial) taken() (w work, err error) {
	err = t.until("getting the work", func(calls []call) bool {
		for _, c := range calls {
			if list := c.works(); len(list) > 0 {
				w = list[0]
				return true
			}
		}
		return false
	}, getWork)
	return w, err
}

// reports are the reports about a lease, in their order.
func (t *trial) reports(w work) []call {
	calls, _ := t.proxy.seen(workFinished, workFailed, workReleased)
	var list []call
	for _, c := range calls {
		if c.of(w) {
			list = append(list, c)
		}
	}
	return list
}

// pass lets the time go by during which something is broken or watched.
func (t *trial) pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
	}
}

// unreached says that the check could not be made.
func unreached(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: could not be checked: %w", errNotReached, err)
}

// refuse answers that the service is away.
func refuse(w http.ResponseWriter) bool {
	problem.Write(w, fault.ErrUnavailable.Detailf("broken on purpose by worker-check").Retry(time.Second), "")
	return true
}

// stalled gives the first half of the image and then a byte now and then, until
// it is resumed.
func stalled(resume <-chan struct{}) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, r *http.Request, data []byte) {
		half := len(data) / 2
		write(w, data[:half])
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for data = data[half:]; len(data) > 1; data = data[1:] {
			select {
			case <-resume:
				write(w, data)
				return
			case <-r.Context().Done():
				return
			case <-ticker.C:
				write(w, data[:1])
			}
		}
		write(w, data)
	}
}

func write(w http.ResponseWriter, data []byte) {
	_, _ = w.Write(data) // the worker may have gone
	_ = http.NewResponseController(w).Flush()
}
