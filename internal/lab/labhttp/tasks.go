package labhttp

import (
	"context"
	"net/http"

	"minilab/internal/httpx"
	"minilab/internal/lab"
)

// RouteTasks serves all that customers may ask for, between services only.
func RouteTasks(rt *httpx.Router, c lab.Customers) {
	h := tasks{customers{c, Paths{Trusted: true}}}
	rt.Handle("POST /tasks", h.create)
	rt.Handle("GET /tasks", h.list)
	rt.Handle("GET /tasks/{id}", httpx.Waiting(h.get))
	rt.Handle("DELETE /tasks/{id}", h.delete)
	rt.Handle("POST /tasks/{id}/cancel", h.move(c.Cancel))
	rt.Handle("POST /tasks/{id}/retry", h.move(c.Retry))
	rt.Handle("GET|HEAD /tasks/{id}/result", h.result)
	rt.Handle("GET|HEAD /tasks/{id}/original", h.original)
}

type tasks struct{ customers }

func (h tasks) create(w http.ResponseWriter, r *http.Request) error {
	t, err := h.submit(r)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusAccepted, t)
}

// asked is the task that a request names.
func asked(r *http.Request) (lab.Ref, error) {
	q, err := httpx.Query(r)
	if err != nil {
		return lab.Ref{}, err
	}
	id, err := httpx.PathParam(r, "id")
	return lab.Ref{Owner: q.Get("owner"), ID: id}, err
}

func (h tasks) list(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	limit, err := httpx.Int(q, "limit", 0, 0, lab.MaxPage)
	if err != nil {
		return err
	}
	page, err := h.lab.Tasks(r.Context(), lab.Filter{
		Owner: q.Get("owner"), State: lab.State(q.Get("state")), Tag: q.Get("tag"), Ascending: q.Get("order") == "asc",
		Cursor: q.Get("cursor"), Limit: int(limit),
	})
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, page)
}

func (h tasks) get(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	ref, err := asked(r)
	if err != nil {
		return err
	}
	wait, err := httpx.Duration(q, "wait", lab.MaxWait)
	if err != nil {
		return err
	}
	t, err := h.lab.Task(r.Context(), ref, wait)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, t)
}

func (h tasks) delete(w http.ResponseWriter, r *http.Request) error {
	ref, err := asked(r)
	if err != nil {
		return err
	}
	if err := h.lab.Delete(r.Context(), ref); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h tasks) move(do func(context.Context, lab.Ref) (lab.Task, error)) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ref, err := asked(r)
		if err != nil {
			return err
		}
		t, err := do(r.Context(), ref)
		if err != nil {
			return err
		}
		return httpx.WriteJSON(w, http.StatusOK, t)
	}
}

func (h tasks) result(w http.ResponseWriter, r *http.Request) error {
	ref, err := asked(r)
	if err != nil {
		return err
	}
	res, err := h.lab.Result(r.Context(), ref, r.URL.Query().Get("output"))
	if err != nil {
		return err
	}
	return ServeResult(w, r, ref.ID, res)
}

func (h tasks) original(w http.ResponseWriter, r *http.Request) error {
	ref, err := asked(r)
	if err != nil {
		return err
	}
	res, err := h.lab.Original(r.Context(), ref)
	if err != nil {
		return err
	}
	return ServeResult(w, r, ref.ID, res)
}
