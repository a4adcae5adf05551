package frontend

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"minilab/internal/auth"
	"minilab/internal/hook"
)

// Webhook is where an owner is told of the ends of its tasks.
type Webhook struct {
	ID          string    `json:"id" example:"wh-abc"`
	URL         string    `json:"url" format:"uri"`
	Types       []string  `json:"types,omitempty" doc:"What it is told of; without: every end"`
	Tags        []string  `json:"tags,omitempty" doc:"Only of tasks that have one of these; without: of all"`
	Secret      string    `json:"secret,omitempty" doc:"What messages are signed with; only in the answer that makes it" example:"whsec_…"`
	CreatedAt   time.Time `json:"createdAt"`
	DeliveredAt time.Time `json:"deliveredAt,omitzero" doc:"When it last took a message"`
	DisabledAt  time.Time `json:"disabledAt,omitzero" doc:"Since when nothing is sent to it"`
	DisabledWhy string    `json:"disabledWhy,omitempty"`
}

// Delivery is a message on its way to one receiver.
type Delivery struct {
	ID        string    `json:"id" doc:"The webhook-id of the message" example:"msg_abc"`
	Webhook   string    `json:"webhook,omitempty" doc:"Without: it is the task's callback"`
	Task      string    `json:"task,omitempty"`
	Type      string    `json:"type" example:"task.finished"`
	URL       string    `json:"url"`
	State     string    `json:"state" enum:"pending,delivered,given-up"`
	Attempts  int       `json:"attempts" doc:"Since it was queued or redelivered"`
	CreatedAt time.Time `json:"createdAt"`
	NextAt    time.Time `json:"nextAt,omitzero" doc:"When it is tried next; only while it is pending"`
	EndedAt   time.Time `json:"endedAt,omitzero" doc:"When it was delivered or given up"`
	Error     string    `json:"error,omitempty" doc:"Why it was given up without an attempt"`
	Log       []Attempt `json:"log,omitempty" doc:"The last attempts, oldest first"`
}

// Attempt is one call to a receiver.
type Attempt struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds" doc:"How long it took"`
	Status  int       `json:"status,omitempty" doc:"Of HTTP; without: there was no answer"`
	Error   string    `json:"error,omitempty"`
}

type webhookIn struct {
	Body struct {
		URL   string   `json:"url" format:"uri" maxLength:"2048" doc:"http or https, without credentials and fragment"`
		Types []string `json:"types,omitempty" maxItems:"3" enum:"task.finished,task.failed,task.canceled" doc:"Without: every end"`
		Tags  []string `json:"tags,omitempty" maxItems:"32" doc:"Only tasks that have one of these"`
	}
}

type webhookID struct {
	ID string `path:"id" maxLength:"64" example:"wh-abc"`
}

type deliveryID struct {
	ID string `path:"id" maxLength:"64" example:"msg_abc"`
}

type webhookOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         Webhook
}

type webhooksOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Webhooks []Webhook `json:"webhooks"`
	}
}

type secretOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Secret string `json:"secret" example:"whsec_…"`
	}
}

type deliveryOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         Delivery
}

type deliveriesIn struct {
	Task    string `query:"task" maxLength:"64"`
	Webhook string `query:"webhook" maxLength:"64"`
	Limit   int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor  string `query:"cursor" maxLength:"512" doc:"The next of the page before, with the same parameters"`
}

type deliveriesOut struct {
	Link         string `header:"Link" doc:"The next page"`
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Deliveries []Delivery `json:"deliveries"`
		Next       string     `json:"next,omitempty" doc:"Cursor of the next page"`
	}
}

// webhookOperation describes a resource of webhooks: all of them need the scope
// admin.
func webhookOperation(id, method, path, summary string, status int, errs ...int) huma.Operation {
	return operation(huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Webhooks"}, DefaultStatus: status,
	}, auth.Admin, errs...)
}

func (a *api) routeWebhooks() {
	resource(a, webhookOperation("list-webhooks", http.MethodGet, "/webhooks", "List the webhooks, oldest first", 0), auth.Admin, a.listWebhooks)
	resource(a, webhookOperation("create-webhook", http.MethodPost, "/webhooks", "Be told when tasks end", http.StatusCreated, http.StatusConflict),
		auth.Admin, a.createWebhook)
	resource(a, webhookOperation("delete-webhook", http.MethodDelete, "/webhooks/{id}", "Be told no more", http.StatusNoContent, http.StatusNotFound),
		auth.Admin, func(ctx context.Context, who auth.Principal, in *webhookID) (*struct{}, error) {
			return nil, a.Hooks.Unsubscribe(ctx, who.Owner, in.ID)
		})
	resource(a, webhookOperation("enable-webhook", http.MethodPost, "/webhooks/{id}/enable", "Send to a disabled webhook again", 0, http.StatusNotFound),
		auth.Admin, func(ctx context.Context, who auth.Principal, in *webhookID) (*webhookOut, error) {
			w, err := a.Hooks.Enable(ctx, who.Owner, in.ID)
			return &webhookOut{"no-store", newWebhook(w)}, err
		})
	resource(a, webhookOperation("test-webhook", http.MethodPost, "/webhooks/{id}/test", "Send a test message, once", http.StatusAccepted, http.StatusNotFound, http.StatusConflict),
		auth.Admin, func(ctx context.Context, who auth.Principal, in *webhookID) (*deliveryOut, error) {
			d, err := a.Hooks.Ping(ctx, who.Owner, in.ID)
			return &deliveryOut{"no-store", newDelivery(d)}, err
		})
	a.routeSecrets()
	a.routeDeliveries()
}

func (a *api) routeSecrets() {
	resource(a, webhookOperation("rotate-webhook-secret", http.MethodPost, "/webhooks/{id}/rotate", "A new secret; for a day messages are signed with both", 0, http.StatusNotFound),
		auth.Admin, func(ctx context.Context, who auth.Principal, in *webhookID) (*secretOut, error) {
			return a.secret(ctx, who, in.ID, true)
		})
	resource(a, webhookOperation("get-callback-secret", http.MethodGet, "/webhooks/callback-secret", "What the callbacks of single tasks are signed with", 0),
		auth.Admin, func(ctx context.Context, who auth.Principal, _ *struct{}) (*secretOut, error) {
			return a.secret(ctx, who, "", false)
		})
	resource(a, webhookOperation("rotate-callback-secret", http.MethodPost, "/webhooks/callback-secret/rotate", "A new secret for callbacks; for a day they are signed with both", 0),
		auth.Admin, func(ctx context.Context, who auth.Principal, _ *struct{}) (*secretOut, error) {
			return a.secret(ctx, who, "", true)
		})
}

func (a *api) routeDeliveries() {
	resource(a, webhookOperation("list-deliveries", http.MethodGet, "/webhooks/deliveries", "List deliveries with their attempts, the newest first", 0),
		auth.Admin, a.listDeliveries)
	resource(a, webhookOperation("redeliver", http.MethodPost, "/webhooks/deliveries/{id}/redeliver", "Send a message again, under the same ID", http.StatusAccepted, http.StatusNotFound, http.StatusConflict),
		auth.Admin, func(ctx context.Context, who auth.Principal, in *deliveryID) (*deliveryOut, error) {
			d, err := a.Hooks.Redeliver(ctx, who.Owner, in.ID)
			return &deliveryOut{"no-store", newDelivery(d)}, err
		})
}

func (a *api) listWebhooks(ctx context.Context, who auth.Principal, _ *struct{}) (*webhooksOut, error) {
	list, err := a.Hooks.Webhooks(ctx, who.Owner)
	if err != nil {
		return nil, err
	}
	out := &webhooksOut{CacheControl: "no-store"}
	out.Body.Webhooks = make([]Webhook, len(list))
	for i, w := range list {
		out.Body.Webhooks[i] = newWebhook(w)
	}
	return out, nil
}

func (a *api) createWebhook(ctx context.Context, who auth.Principal, in *webhookIn) (*webhookOut, error) {
	w, err := a.Hooks.Subscribe(ctx, hook.Webhook{Owner: who.Owner, URL: in.Body.URL, Types: in.Body.Types, Tags: in.Body.Tags})
	return &webhookOut{"no-store", newWebhook(w)}, err
}

func (a *api) secret(ctx context.Context, who auth.Principal, id string, rotate bool) (*secretOut, error) {
	text, err := a.Hooks.Secret(ctx, who.Owner, id, rotate)
	out := &secretOut{CacheControl: "no-store"}
	out.Body.Secret = text
	return out, err
}

func (a *api) listDeliveries(ctx context.Context, who auth.Principal, in *deliveriesIn) (*deliveriesOut, error) {
	page, err := a.Hooks.Deliveries(ctx, hook.Filter{Owner: who.Owner, Task: in.Task, Webhook: in.Webhook, Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &deliveriesOut{CacheControl: "no-store"}
	out.Body.Deliveries, out.Body.Next = make([]Delivery, len(page.Deliveries)), page.Next
	for i, d := range page.Deliveries {
		out.Body.Deliveries[i] = newDelivery(d)
	}
	if page.Next != "" {
		out.Link = fmt.Sprintf("<%s>; rel=%q", in.next(page.Next), "next")
	}
	return out, nil
}

// next is the URL of the page at the cursor.
func (in *deliveriesIn) next(cursor string) string {
	q := url.Values{"limit": {strconv.Itoa(in.Limit)}, "cursor": {cursor}}
	for name, value := range map[string]string{"task": in.Task, "webhook": in.Webhook} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return prefix + "/webhooks/deliveries?" + q.Encode()
}

func newWebhook(w hook.Webhook) Webhook {
	return Webhook{
		ID: w.ID, URL: w.URL, Types: w.Types, Tags: w.Tags, Secret: w.Secret, CreatedAt: w.CreatedAt,
		DeliveredAt: w.DeliveredAt, DisabledAt: w.DisabledAt, DisabledWhy: w.DisabledWhy,
	}
}

func newDelivery(d hook.Delivery) Delivery {
	out := Delivery{
		ID: d.ID, Webhook: d.Webhook, Task: d.Task, Type: d.Type, URL: d.URL, State: string(d.State), Attempts: d.Attempts,
		CreatedAt: d.CreatedAt, NextAt: d.NextAt, EndedAt: d.EndedAt, Error: d.Error,
	}
	for _, t := range d.Log {
		out.Log = append(out.Log, Attempt{At: t.At, Seconds: t.Took.Seconds(), Status: t.Status, Error: t.Error})
	}
	return out
}
