package taskdbhttp

import (
	"errors"
	"fmt"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/taskdb"
)

// sane passes on a task that an answer has brought, unless no task database can
// have it: who relies on a finished task's outputs must not fall over a liar.
func sane(t taskdb.Task, err error, id string) (taskdb.Task, error) {
	if err == nil {
		err = check(t, id)
	}
	if err != nil {
		return taskdb.Task{}, err
	}
	return t, nil
}

// check is ErrNonsense for what is no task, or not the one with that id.
func check(t taskdb.Task, id string) error {
	switch {
	case t.ID != id || !t.State.Valid():
		return nonsense("the task %.64q in the state %.64q instead of the task %.64q", t.ID, t.State, id)
	case t.State == taskdb.Finished && len(t.Outputs) == 0:
		return nonsense("the finished task %q without outputs", id)
	case t.State == taskdb.Failed && t.Error == nil:
		return nonsense("the failed task %q without an error", id)
	}
	return nil
}

// checkAll is ErrNonsense for a list with something that is no task.
func checkAll(list []taskdb.Task) error {
	for _, t := range list {
		if err := check(t, t.ID); err != nil {
			return err
		}
		if t.ID == "" {
			return nonsense("a task without an ID")
		}
	}
	return nil
}

// checkPage is ErrNonsense for a page that nobody has asked for, and for a list
// that does not end.
func checkPage(page taskdb.Page, f taskdb.Filter) error {
	switch {
	case len(page.Tasks) > taskdb.PageLimit(f.Limit):
		return nonsense("%d tasks on a page of %d", len(page.Tasks), taskdb.PageLimit(f.Limit))
	case page.Next != "" && page.Next == f.Cursor:
		return nonsense("that a page is followed by itself")
	}
	return checkAll(page.Tasks)
}

// checkClaims is ErrNonsense for more than was asked for and for leases that
// are none.
func checkClaims(list []claimed, most int) error {
	if len(list) > most {
		return nonsense("%d tasks instead of %d", len(list), most)
	}
	for _, c := range list {
		if err := check(c.Task, c.ID); err != nil {
			return err
		}
		if c.ID == "" || c.Lease == "" || !(c.LeaseSeconds > 0) || !(c.DeadlineSeconds > 0) {
			return nonsense("the claim of %.64q without a lease or a time", c.ID)
		}
	}
	return nil
}

// checkPlaces is ErrNonsense for places that are not one for each that was asked
// for, or none at all.
func checkPlaces(list []taskdb.Place, asked int) error {
	if len(list) != asked {
		return nonsense("%d places of %d tasks", len(list), asked)
	}
	for _, p := range list {
		if p.Ahead < 0 || p.Ahead > taskdb.MaxAhead || p.Wait < 0 {
			return nonsense("the place %d in %v", p.Ahead, p.Wait)
		}
	}
	return nil
}

// checkEvents is ErrNonsense for events that do not come after a place.
func checkEvents(list []taskdb.Event, after int64) error {
	for _, e := range list {
		if e.Seq <= after {
			return nonsense("the event %d after the event %d", e.Seq, after)
		}
		after = e.Seq
	}
	return nil
}

func nonsense(format string, args ...any) *fault.Fault {
	return httpx.ErrNonsense.Because(errors.New("the task database says " + fmt.Sprintf(format, args...)))
}
