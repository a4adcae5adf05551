package taskdbhttp

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"minilab/internal/hook/hookhttp"
	"minilab/internal/httpx"
	"minilab/internal/taskdb"
)

// handler serves a store.
type handler struct{ store taskdb.Store }

// Route adds the routes of a task database to a router.
func Route(rt *httpx.Router, s taskdb.Store) {
	h := handler{s}
	rt.Handle("GET /tasks", h.list)
	rt.Handle("GET /tasks/{id}", h.get)
	rt.Handle("POST /tasks/{id}", h.set)
	rt.Handle("DELETE /tasks/{id}", h.delete)
	rt.Handle("POST /claims", httpx.Waiting(h.claim))
	rt.Handle("POST /heartbeats", reports(s.Heartbeat, func(e taskdb.Heartbeat) string { return e.ID }))
	rt.Handle("POST /finishes", reports(s.Finish, func(e taskdb.Finish) string { return e.ID }))
	rt.Handle("POST /failures", reports(s.Fail, func(e taskdb.Failure) string { return e.ID }))
	rt.Handle("POST /releases", reports(s.Release, func(e taskdb.Release) string { return e.ID }))
	rt.Handle("POST /expiries", h.expire)
	rt.Handle("GET /events", httpx.Waiting(h.events))
	rt.Handle("POST /places", h.places)
	rt.Handle("GET /stats", h.stats)
	hookhttp.RouteDesk(rt, s)
	hookhttp.RouteOutbox(rt, s)
}

// get answers with a task, or with the ids of those in a state.
func (h handler) get(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	if state := taskdb.State(id); state.Valid() {
		return h.listIDs(w, r, state)
	}
	t, err := h.store.Get(r.Context(), id)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, t)
}

func (h handler) listIDs(w http.ResponseWriter, r *http.Request, state taskdb.State) error {
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	f.State = state
	page, err := h.store.List(r.Context(), f)
	if err != nil {
		return err
	}
	answer := ids{IDs: make([]string, len(page.Tasks)), Next: page.Next}
	for i, t := range page.Tasks {
		answer.IDs[i] = t.ID
	}
	return httpx.WriteJSON(w, http.StatusOK, answer)
}

func (h handler) list(w http.ResponseWriter, r *http.Request) error {
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	page, err := h.store.List(r.Context(), f)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, page)
}

func filterOf(r *http.Request) (taskdb.Filter, error) {
	q, err := httpx.Query(r)
	if err != nil {
		return taskdb.Filter{}, err
	}
	f := taskdb.Filter{State: taskdb.State(q.Get("state")), Owner: q.Get("owner"), Tag: q.Get("tag"), Fingerprint: q.Get("fingerprint"), Cursor: q.Get("cursor")}
	switch order := q.Get("order"); order {
	case "", "asc":
	case "desc":
		f.Descending = true
	default:
		return f, httpx.ErrParameter.Detailf("order is asc or desc")
	}
	if text := q.Get("expiredBy"); text != "" {
		by, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return f, httpx.ErrParameter.Detailf("expiredBy is a time such as 2026-01-02T15:04:05Z")
		}
		f.ExpiredBy = by
	}
	limit, err := httpx.Int(q, "limit", 0, 0, taskdb.MaxPage)
	f.Limit = int(limit)
	return f, err
}

// unlessGiven is the condition of a deletion that is a Withdraw.
const unlessGiven = "given"

func (h handler) delete(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	drop := h.store.Delete
	switch q.Get("unless") {
	case "":
	case unlessGiven:
		drop = h.store.Withdraw
	default:
		return httpx.ErrParameter.Detailf("unless is %s", unlessGiven)
	}
	t, err := drop(r.Context(), chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, t)
}

func (h handler) expire(w http.ResponseWriter, r *http.Request) error {
	var body expiry
	if err := readJSON(w, r, maxTask, &body); err != nil {
		return err
	}
	gone, err := h.store.Expire(r.Context(), body.Limit)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, expired{Tasks: gone})
}

func (h handler) events(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	after, err := httpx.Int(q, "after", 0, 0, 1<<62)
	if err != nil {
		return err
	}
	limit, err := httpx.Int(q, "limit", 0, 0, taskdb.MaxPage)
	if err != nil {
		return err
	}
	wait, err := httpx.Duration(q, "wait", taskdb.MaxWait)
	if err != nil {
		return err
	}
	list, err := h.store.Events(r.Context(), after, int(limit), wait)
	if err != nil {
		return err
	}
	answer := events{Events: list, Last: after}
	if len(list) > 0 {
		answer.Last = list[len(list)-1].Seq
	}
	return httpx.WriteJSON(w, http.StatusOK, answer)
}

func (h handler) places(w http.ResponseWriter, r *http.Request) error {
	var body waiting
	if err := readJSON(w, r, maxTask, &body); err != nil {
		return err
	}
	list, err := h.store.Places(r.Context(), body.IDs)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, places{list})
}

func (h handler) stats(w http.ResponseWriter, r *http.Request) error {
	s, err := h.store.Stats(r.Context())
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, s)
}
