package hookhttp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"minilab/internal/hook"
	"minilab/internal/httpx"
)

// RouteDesk serves what customers ask for. The caller is believed whose owner
// it speaks for: only between services.
func RouteDesk(rt *httpx.Router, d hook.Desk) {
	h := deskHandler{d}
	rt.Handle("GET /webhooks", h.list)
	rt.Handle("POST /webhooks", h.subscribe)
	rt.Handle("DELETE /webhooks/{id}", h.unsubscribe)
	rt.Handle("POST /webhooks/{id}/enable", h.enable)
	rt.Handle("POST /webhooks/{id}/test", h.ping)
	rt.Handle("POST /webhookSecrets", h.secret)
	rt.Handle("GET /deliveries", h.deliveries)
	rt.Handle("POST /deliveries/{id}/redeliver", h.redeliver)
}

// RouteOutbox serves what the deliverer asks for.
func RouteOutbox(rt *httpx.Router, o hook.Outbox) {
	h := outboxHandler{o}
	rt.Handle("POST /deliveryClaims", httpx.Waiting(h.claim))
	rt.Handle("POST /deliveryReports", h.report)
}

type deskHandler struct{ desk hook.Desk }

// owned calls f with the owner of the query and the ID of the path, and
// answers with what it gives.
func owned[T any](w http.ResponseWriter, r *http.Request, f func(ctx context.Context, owner, id string) (T, error)) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	got, err := f(r.Context(), q.Get("owner"), chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, got)
}

func (h deskHandler) list(w http.ResponseWriter, r *http.Request) error {
	return owned(w, r, func(ctx context.Context, owner, _ string) (webhooks, error) {
		list, err := h.desk.Webhooks(ctx, owner)
		return webhooks{list}, err
	})
}

func (h deskHandler) subscribe(w http.ResponseWriter, r *http.Request) error {
	var body hook.Webhook
	if err := httpx.ReadJSON(w, r, maxBody, &body); err != nil {
		return err
	}
	made, err := h.desk.Subscribe(r.Context(), body)
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusCreated, made)
}

func (h deskHandler) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	if err := h.desk.Unsubscribe(r.Context(), q.Get("owner"), chi.URLParam(r, "id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h deskHandler) enable(w http.ResponseWriter, r *http.Request) error {
	return owned(w, r, h.desk.Enable)
}

func (h deskHandler) ping(w http.ResponseWriter, r *http.Request) error {
	return owned(w, r, h.desk.Ping)
}

func (h deskHandler) redeliver(w http.ResponseWriter, r *http.Request) error {
	return owned(w, r, h.desk.Redeliver)
}

func (h deskHandler) secret(w http.ResponseWriter, r *http.Request) error {
	var body secretBody
	if err := httpx.ReadJSON(w, r, maxBody, &body); err != nil {
		return err
	}
	text, err := h.desk.Secret(r.Context(), body.Owner, body.Webhook, body.Rotate)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpx.WriteJSON(w, http.StatusOK, secret{text})
}

func (h deskHandler) deliveries(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	limit, err := httpx.Int(q, "limit", 0, 0, hook.MaxPage)
	if err != nil {
		return err
	}
	page, err := h.desk.Deliveries(r.Context(), hook.Filter{
		Owner: q.Get("owner"), Task: q.Get("task"), Webhook: q.Get("webhook"), Cursor: q.Get("cursor"), Limit: int(limit),
	})
	if err != nil {
		return err
	}
	return httpx.WriteJSON(w, http.StatusOK, page)
}

// putBackTime is how long putting deliveries back may take.
const putBackTime = 10 * time.Second

type outboxHandler struct{ outbox hook.Outbox }

// claim holds deliveries for the caller. If it has gone they are put back at
// once: nobody would attempt them until the hold is over.
func (h outboxHandler) claim(w http.ResponseWriter, r *http.Request) error {
	var body hook.ClaimRequest
	if err := httpx.ReadJSON(w, r, maxBody, &body); err != nil {
		return err
	}
	list, err := h.outbox.ClaimDeliveries(r.Context(), body)
	if err != nil {
		return err
	}
	told := false
	defer func() {
		if !told {
			h.putBack(r.Context(), list)
		}
	}()
	if r.Context().Err() != nil {
		return context.Cause(r.Context())
	}
	if err := httpx.WriteJSON(w, http.StatusOK, claims{list}); err != nil {
		return err
	}
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		panic(http.ErrAbortHandler)
	}
	told = true
	return nil
}

func (h outboxHandler) putBack(ctx context.Context, list []hook.Claimed) {
	reports := make([]hook.Report, len(list))
	for i, d := range list {
		reports[i] = hook.Report{ID: d.ID, Hold: d.Hold, Outcome: hook.Unsent}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putBackTime)
	defer cancel()
	_, _ = h.outbox.ReportDeliveries(ctx, reports) // else the hold ends by itself
}

func (h outboxHandler) report(w http.ResponseWriter, r *http.Request) error {
	var list []hook.Report
	if err := httpx.ReadJSON(w, r, maxList, &list); err != nil {
		return err
	}
	errs, err := h.outbox.ReportDeliveries(r.Context(), list)
	if err != nil {
		return err
	}
	answer := results{Results: make([]result, len(list))}
	for i, entry := range list {
		answer.Results[i] = newResult(entry.ID, errs[i])
	}
	return httpx.WriteJSON(w, http.StatusOK, answer)
}
