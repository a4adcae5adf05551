package labhttp

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/lab"
)

// maxReport bounds the JSON that a worker sends, in bytes.
const maxReport = 256 << 10

// releaseTime is how long giving work back may take once its caller is gone.
const releaseTime = 10 * time.Second

// RouteWorkers serves the workers' calls.
func RouteWorkers(rt *httpx.Router, l lab.Workers) {
	h := workers{l}
	rt.Handle("GET|POST /getWork", httpx.Waiting(h.getWork))
	rt.Handle("POST /heartbeat", h.heartbeat)
	rt.Handle("POST /workFinished", h.finished)
	rt.Handle("POST /workFailed", h.failed)
	rt.Handle("POST /workReleased", h.released)
}

type workers struct{ lab lab.Workers }

// workList is the answer when the caller said how much it takes.
type workList struct {
	Work []lab.Work `json:"work"`
}

func (h workers) getWork(w http.ResponseWriter, r *http.Request) error {
	// A body says nothing here, but only once it is read is a caller's going noticed.
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxReport)); err != nil {
		return err
	}
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	claim, err := claimRequest(q)
	if err != nil {
		return err
	}
	list, err := h.lab.Claim(r.Context(), claim)
	if err != nil {
		return err
	}
	if r.Context().Err() != nil {
		h.takeBack(r, list)
		return context.Cause(r.Context())
	}
	w.Header().Set("Cache-Control", "no-store")
	if len(list) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	var answer any = list[0]
	if q.Has("max") {
		answer = workList{list}
	}
	h.answer(w, r, answer, list)
	return nil
}

// answer hands the work over; if it cannot be handed over it is taken back. Who
// hangs up from now on may have read it: that is how many clients end a call.
func (h workers) answer(w http.ResponseWriter, r *http.Request, answer any, list []lab.Work) {
	handedOver := false
	defer func() {
		if !handedOver {
			h.takeBack(r, list)
		}
	}()
	if httpx.WriteJSON(w, http.StatusOK, answer) != nil || http.NewResponseController(w).Flush() != nil {
		panic(http.ErrAbortHandler)
	}
	handedOver = true
}

func (h workers) takeBack(r *http.Request, list []lab.Work) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), releaseTime)
	defer cancel()
	for _, w := range list {
		_ = h.lab.Release(ctx, w.ID, w.Lease) // if it fails the lease expires
	}
}

func claimRequest(q url.Values) (lab.ClaimRequest, error) {
	limit, err := httpx.Int(q, "max", 1, 1, lab.MaxClaim)
	if err != nil {
		return lab.ClaimRequest{}, err
	}
	wait, err := httpx.Duration(q, "wait", lab.MaxWait)
	if err != nil {
		return lab.ClaimRequest{}, err
	}
	var accepts []string
	for _, a := range q["accepts"] {
		for name := range strings.SplitSeq(a, ",") {
			if name = strings.TrimSpace(name); name != "" {
				accepts = append(accepts, name)
			}
		}
	}
	worker := q.Get("worker")
	if worker == "" {
		worker = "anonymous"
	}
	return lab.ClaimRequest{Worker: worker, Accepts: accepts, Max: int(limit), Wait: wait, Request: q.Get("request")}, nil
}

func (h workers) heartbeat(w http.ResponseWriter, r *http.Request) error {
	var b lab.Beat
	return h.report(w, r, &b, func(ctx context.Context, id, lease string) error {
		return h.lab.Heartbeat(ctx, id, lease, b)
	})
}

func (h workers) finished(w http.ResponseWriter, r *http.Request) error {
	var rep lab.Report
	return h.report(w, r, &rep, func(ctx context.Context, id, lease string) error {
		return h.lab.Finish(ctx, id, lease, rep)
	})
}

func (h workers) failed(w http.ResponseWriter, r *http.Request) error {
	var f lab.Failure
	return h.report(w, r, &f, func(ctx context.Context, id, lease string) error {
		if f.Code == "" {
			return httpx.ErrJSON.Detailf("a failure has a code")
		}
		return h.lab.Fail(ctx, id, lease, f)
	})
}

func (h workers) released(w http.ResponseWriter, r *http.Request) error {
	return h.report(w, r, &struct{}{}, h.lab.Release)
}

// report reads the body of a report and hands it on for the task and lease of
// the query.
func (h workers) report(w http.ResponseWriter, r *http.Request, body any, do func(ctx context.Context, id, lease string) error) error {
	if err := httpx.ReadJSON(w, r, maxReport, body); err != nil {
		return err
	}
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	id := q.Get("id")
	if err := do(r.Context(), id, q.Get("lease")); err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, map[string]string{"id": id})
}
