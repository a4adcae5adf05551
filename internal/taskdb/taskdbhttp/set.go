package taskdbhttp

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"minilab/internal/httpx"
	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
)

// unnamedWorker is who claims a task by hand without saying who they are.
const unnamedWorker = "unnamed"

// set brings a task into a state. It is the way by hand, one task at a time;
// programs that do many use the lists.
func (h handler) set(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	if err := taskdb.CheckID(id); err != nil {
		return err
	}
	var body setState
	if err := readJSON(w, r, maxTask, &body); err != nil {
		return err
	}
	switch body.State {
	case taskdb.NotStarted:
		return h.setNotStarted(w, r, id, body)
	case taskdb.InProgress:
		return h.setInProgress(w, r, id, body)
	case taskdb.Finished, taskdb.Failed:
		if body.State == taskdb.Finished && body.Token != 0 && body.Lease == "" {
			return h.create(w, r, id, body)
		}
		return h.setEnded(w, r, id, body)
	case taskdb.Canceled:
		t, err := h.store.Cancel(r.Context(), id)
		return answer(w, http.StatusOK, t, err)
	}
	return taskdb.ErrTask.Detailf("state is one of %s", stateNames())
}

// setNotStarted releases, retries or creates.
func (h handler) setNotStarted(w http.ResponseWriter, r *http.Request, id string, body setState) error {
	ctx := r.Context()
	switch {
	case body.Lease != "":
		errs, err := h.store.Release(ctx, []taskdb.Release{{ID: id, Lease: body.Lease}})
		return h.reported(w, r, id, errs, err)
	case body.Retry:
		t, err := h.store.Retry(ctx, id)
		return answer(w, http.StatusOK, t, err)
	case body.bare():
		t, err := h.store.Get(ctx, id)
		if !errors.Is(err, taskdb.ErrNotFound) {
			return h.setAgain(w, r, t, err)
		}
	}
	return h.create(w, r, id, body)
}

func (h handler) create(w http.ResponseWriter, r *http.Request, id string, body setState) error {
	t, created, err := h.store.Create(r.Context(), body.task(id))
	if !created {
		return answer(w, http.StatusOK, t, err)
	}
	w.Header().Set("Location", "/tasks/"+t.ID)
	return answer(w, http.StatusCreated, t, err)
}

// setAgain is for a task that is there: nothing to do, a retry, or a matter of
// its worker.
func (h handler) setAgain(w http.ResponseWriter, r *http.Request, t taskdb.Task, err error) error {
	switch {
	case err != nil:
		return err
	case t.State == taskdb.NotStarted:
		return answer(w, http.StatusOK, t, nil)
	case t.State == taskdb.InProgress:
		return taskdb.ErrLeaseRequired
	}
	t, err = h.store.Retry(r.Context(), t.ID)
	return answer(w, http.StatusOK, t, err)
}

// bare says that nothing is said of a task to be created.
func (s setState) bare() bool {
	return len(s.Pipeline) == 0 && len(s.Outputs) == 0 && s.Source == (taskdb.Blob{}) && s.Owner == "" && s.IdempotencyKey == ""
}

// task is what is to be created. The least that one can say is an id: then the
// image has the id as its key, and what is done is the default, unless an output
// says what.
func (s setState) task(id string) taskdb.Task {
	t := taskdb.Task{
		ID: id, Owner: s.Owner, Priority: s.Priority, Tags: s.Tags, Needs: s.Needs, Pipeline: s.Pipeline, Outputs: s.Outputs,
		Source: s.Source, Callback: s.Callback, RunAt: s.RunAt, Keep: s.Keep,
		IdempotencyKey: s.IdempotencyKey, IdempotencyHash: s.IdempotencyHash, Fingerprint: s.Fingerprint, Trace: s.Trace,
	}
	if s.State == taskdb.Finished {
		t.State, t.Token, t.Facts = s.State, s.Token, s.Facts
	}
	if t.Source.Key == "" {
		t.Source.Key = id
	}
	if len(t.Pipeline) == 0 && !slices.ContainsFunc(t.Outputs, func(o taskdb.Output) bool { return len(o.Pipeline) > 0 }) {
		t.Pipeline = pipeline.Default()
	}
	return t
}

func (h handler) setInProgress(w http.ResponseWriter, r *http.Request, id string, body setState) error {
	if body.Worker == "" {
		body.Worker = unnamedWorker
	}
	got, err := h.store.Claim(r.Context(), taskdb.ClaimRequest{ID: id, Worker: body.Worker, Accepts: body.Accepts, Request: body.Request})
	if err != nil {
		return err
	}
	if len(got) == 0 {
		return taskdb.ErrTransition.Detailf("the task is not ready")
	}
	return h.lend(w, r, got, newClaimed(got[0]))
}

// setEnded finishes or fails a task, which is its worker's right.
func (h handler) setEnded(w http.ResponseWriter, r *http.Request, id string, body setState) error {
	if body.Lease == "" {
		return taskdb.ErrLeaseRequired
	}
	var errs []error
	var err error
	if body.State == taskdb.Finished {
		errs, err = h.store.Finish(r.Context(), []taskdb.Finish{{ID: id, Lease: body.Lease, Outputs: body.Outputs, Facts: body.Facts}})
	} else {
		failure := taskdb.Failure{ID: id, Lease: body.Lease, Error: taskdb.Error{Code: body.Code, Detail: body.Detail}, Retry: body.Retry}
		errs, err = h.store.Fail(r.Context(), []taskdb.Failure{failure})
	}
	return h.reported(w, r, id, errs, err)
}

// reported answers with the task as it is after a report on it.
func (h handler) reported(w http.ResponseWriter, r *http.Request, id string, errs []error, err error) error {
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	t, err := h.store.Get(context.WithoutCancel(r.Context()), id)
	return answer(w, http.StatusOK, t, err)
}

func answer(w http.ResponseWriter, status int, t taskdb.Task, err error) error {
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, status, t)
}

func stateNames() string {
	names := make([]string, len(taskdb.States))
	for i, s := range taskdb.States {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
