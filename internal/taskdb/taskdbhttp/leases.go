package taskdbhttp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/taskdb"
)

// claim leases tasks, waiting for them if it must.
func (h handler) claim(w http.ResponseWriter, r *http.Request) error {
	var body claimBody
	if err := readJSON(w, r, maxTask, &body); err != nil {
		return err
	}
	got, err := h.store.Claim(r.Context(), taskdb.ClaimRequest{
		Worker: body.Worker, Accepts: body.Accepts, Max: body.Max, Wait: time.Duration(body.Wait), Request: body.Request, ID: body.ID,
	})
	if err != nil {
		return err
	}
	answer := claims{Claims: make([]claimed, len(got))}
	for i, c := range got {
		answer.Claims[i] = newClaimed(c)
	}
	return h.lend(w, r, got, answer)
}

// lend answers with leases. If the caller has gone they are released at once:
// nobody would work under them until they expire.
func (h handler) lend(w http.ResponseWriter, r *http.Request, got []taskdb.Claimed, answer any) error {
	if r.Context().Err() != nil {
		h.release(r, got)
		return context.Cause(r.Context())
	}
	delivered := false
	defer func() {
		if !delivered {
			h.release(r, got)
		}
	}()
	if err := httpx.WriteJSON(w, http.StatusOK, answer); err != nil {
		return err
	}
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		panic(http.ErrAbortHandler)
	}
	delivered = true
	return nil
}

// release gives leases back that nobody has got. If that fails they expire.
func (h handler) release(r *http.Request, got []taskdb.Claimed) {
	list := make([]taskdb.Release, len(got))
	for i, c := range got {
		list[i] = taskdb.Release{ID: c.ID, Lease: c.Lease}
	}
	_, _ = h.store.Release(context.WithoutCancel(r.Context()), list)
}

// reports makes the handler of a list of reports, each of which is answered
// for itself.
func reports[T any](do func(context.Context, []T) ([]error, error), id func(T) string) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var list []T
		if err := readJSON(w, r, maxList, &list); err != nil {
			return err
		}
		errs, err := do(r.Context(), list)
		if err != nil {
			return err
		}
		answer := results{Results: make([]result, len(list))}
		for i, entry := range list {
			answer.Results[i] = newResult(id(entry), errs[i])
		}
		return httpx.WriteJSON(w, http.StatusOK, answer)
	}
}
