package hookhttp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"minilab/internal/hook"
	"minilab/internal/httpx"
)

// Desk is a hook.Desk that is served elsewhere.
type Desk struct{ http *httpx.Client }

// NewDesk makes a client of the service that c calls.
func NewDesk(c *httpx.Client) Desk { return Desk{c} }

// Subscribe implements hook.Desk.
func (d Desk) Subscribe(ctx context.Context, w hook.Webhook) (made hook.Webhook, err error) {
	if err := hook.CheckWebhook(w); err != nil {
		return made, err
	}
	body := hook.Webhook{Owner: w.Owner, URL: w.URL, Types: w.Types, Tags: w.Tags}
	_, err = d.http.JSON(ctx, http.MethodPost, "/webhooks", nil, body, &made)
	return made, err
}

// Webhooks implements hook.Desk.
func (d Desk) Webhooks(ctx context.Context, owner string) ([]hook.Webhook, error) {
	var answer webhooks
	_, err := d.http.JSON(ctx, http.MethodGet, "/webhooks", ofOwner(owner), nil, &answer)
	return answer.Webhooks, err
}

// Unsubscribe implements hook.Desk.
func (d Desk) Unsubscribe(ctx context.Context, owner, id string) error {
	path, err := pathOf("/webhooks/", id, "")
	if err != nil {
		return err
	}
	_, err = d.http.JSON(ctx, http.MethodDelete, path, ofOwner(owner), nil, nil)
	return err
}

// Enable implements hook.Desk.
func (d Desk) Enable(ctx context.Context, owner, id string) (w hook.Webhook, err error) {
	err = d.post(ctx, owner, "/webhooks/", id, "/enable", &w)
	return w, err
}

// Ping implements hook.Desk.
func (d Desk) Ping(ctx context.Context, owner, id string) (one hook.Delivery, err error) {
	err = d.post(ctx, owner, "/webhooks/", id, "/test", &one)
	return one, err
}

// Redeliver implements hook.Desk.
func (d Desk) Redeliver(ctx context.Context, owner, id string) (one hook.Delivery, err error) {
	err = d.post(ctx, owner, "/deliveries/", id, "/redeliver", &one)
	return one, err
}

func (d Desk) post(ctx context.Context, owner, before, id, after string, out any) error {
	path, err := pathOf(before, id, after)
	if err != nil {
		return err
	}
	_, err = d.http.JSON(ctx, http.MethodPost, path, ofOwner(owner), nil, out)
	return err
}

// pathOf has what cannot be an ID end here: it might be another path there.
func pathOf(before, id, after string) (string, error) {
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return "", hook.ErrNotFound
		}
	}
	if id == "" || len(id) > hook.MaxName {
		return "", hook.ErrNotFound
	}
	return before + id + after, nil
}

// Secret implements hook.Desk.
func (d Desk) Secret(ctx context.Context, owner, id string, rotate bool) (string, error) {
	var answer secret
	_, err := d.http.JSON(ctx, http.MethodPost, "/webhookSecrets", nil, secretBody{Owner: owner, Webhook: id, Rotate: rotate}, &answer)
	return answer.Secret, err
}

// Deliveries implements hook.Desk.
func (d Desk) Deliveries(ctx context.Context, f hook.Filter) (page hook.Page, err error) {
	if err := hook.CheckFilter(f); err != nil {
		return page, err
	}
	q := url.Values{"limit": {strconv.Itoa(hook.PageLimit(f.Limit))}}
	for name, value := range map[string]string{"owner": f.Owner, "task": f.Task, "webhook": f.Webhook, "cursor": f.Cursor} {
		if value != "" {
			q.Set(name, value)
		}
	}
	_, err = d.http.JSON(ctx, http.MethodGet, "/deliveries", q, nil, &page)
	return page, err
}

func ofOwner(owner string) url.Values { return url.Values{"owner": {owner}} }

// Outbox is a hook.Outbox that is served elsewhere.
type Outbox struct{ http *httpx.Client }

// NewOutbox makes a client of the service that c calls.
func NewOutbox(c *httpx.Client) Outbox { return Outbox{c} }

var (
	errMany   = errors.New("the task database gave more deliveries than were asked for, or none that can be reported on")
	errAnswer = errors.New("the task database did not answer each entry of the list")
)

// ClaimDeliveries implements hook.Outbox.
func (o Outbox) ClaimDeliveries(ctx context.Context, r hook.ClaimRequest) ([]hook.Claimed, error) {
	if err := hook.CheckClaim(r); err != nil {
		return nil, err
	}
	var answer claims
	if _, err := o.http.Poll(ctx, r.Wait, http.MethodPost, "/deliveryClaims", nil, r, &answer); err != nil {
		return nil, err
	}
	if len(answer.Claims) > r.Max {
		return nil, httpx.ErrNonsense.Because(errMany)
	}
	for _, d := range answer.Claims {
		if d.ID == "" || d.Hold == "" || len(d.Secrets) == 0 {
			return nil, httpx.ErrNonsense.Because(errMany)
		}
	}
	return answer.Claims, nil
}

// ReportDeliveries implements hook.Outbox.
func (o Outbox) ReportDeliveries(ctx context.Context, list []hook.Report) ([]error, error) {
	if err := hook.CheckBatch(len(list)); err != nil {
		return nil, err
	}
	errs := make([]error, len(list))
	if len(list) == 0 {
		return errs, nil
	}
	var answer results
	if _, err := o.http.JSON(ctx, http.MethodPost, "/deliveryReports", nil, list, &answer); err != nil {
		return nil, err
	}
	if len(answer.Results) != len(list) {
		return nil, httpx.ErrNonsense.Because(errAnswer)
	}
	for i, r := range answer.Results {
		errs[i] = r.err()
	}
	return errs, nil
}
