package taskdbhttp

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"minilab/internal/fault"
	"minilab/internal/hook/hookhttp"
	"minilab/internal/httpx"
	"minilab/internal/taskdb"
)

// Client is a task database that is served elsewhere. It implements
// taskdb.Store.
type Client struct {
	http *httpx.Client
	hookhttp.Desk
	hookhttp.Outbox
}

// NewClient makes a client of the task database that c calls.
func NewClient(c *httpx.Client) *Client {
	return &Client{http: c, Desk: hookhttp.NewDesk(c), Outbox: hookhttp.NewOutbox(c)}
}

// Create implements taskdb.Tasks.
func (c *Client) Create(ctx context.Context, t taskdb.Task) (task taskdb.Task, created bool, err error) {
	if err := taskdb.CheckNew(t); err != nil {
		return task, false, err
	}
	body := setState{
		State: taskdb.NotStarted, Owner: t.Owner, Priority: t.Priority, Tags: t.Tags, Needs: t.Needs, Pipeline: t.Pipeline,
		Outputs: t.Outputs, Source: t.Source, Callback: t.Callback, RunAt: t.RunAt, Keep: t.Keep,
		IdempotencyKey: t.IdempotencyKey, IdempotencyHash: t.IdempotencyHash, Fingerprint: t.Fingerprint, Trace: t.Trace,
	}
	if t.State == taskdb.Finished {
		body.State, body.Token, body.Facts = t.State, t.Token, t.Facts
	}
	status, err := c.http.JSON(ctx, http.MethodPost, "/tasks/"+t.ID, nil, body, &task)
	if t.IdempotencyKey != "" {
		t.ID = task.ID // that of the first request with this key
	}
	task, err = sane(task, err, t.ID)
	return task, status == http.StatusCreated, err
}

// Get implements taskdb.Tasks.
func (c *Client) Get(ctx context.Context, id string) (t taskdb.Task, err error) {
	if err := taskdb.CheckID(id); err != nil {
		return t, err
	}
	_, err = c.http.JSON(ctx, http.MethodGet, "/tasks/"+id, nil, nil, &t)
	return sane(t, err, id)
}

// List implements taskdb.Tasks.
func (c *Client) List(ctx context.Context, f taskdb.Filter) (page taskdb.Page, err error) {
	q := url.Values{"limit": {strconv.Itoa(taskdb.PageLimit(f.Limit))}}
	for name, value := range map[string]string{"state": string(f.State), "owner": f.Owner, "tag": f.Tag, "fingerprint": f.Fingerprint, "cursor": f.Cursor} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Descending {
		q.Set("order", "desc")
	}
	if !f.ExpiredBy.IsZero() {
		q.Set("expiredBy", f.ExpiredBy.UTC().Format(time.RFC3339Nano))
	}
	if _, err = c.http.JSON(ctx, http.MethodGet, "/tasks", q, nil, &page); err == nil {
		err = checkPage(page, f)
	}
	if err != nil {
		return taskdb.Page{}, err
	}
	return page, nil
}

// Cancel implements taskdb.Tasks.
func (c *Client) Cancel(ctx context.Context, id string) (taskdb.Task, error) {
	return c.set(ctx, id, setState{State: taskdb.Canceled})
}

// Retry implements taskdb.Tasks.
func (c *Client) Retry(ctx context.Context, id string) (taskdb.Task, error) {
	return c.set(ctx, id, setState{State: taskdb.NotStarted, Retry: true})
}

func (c *Client) set(ctx context.Context, id string, body setState) (t taskdb.Task, err error) {
	if err := taskdb.CheckID(id); err != nil {
		return t, err
	}
	_, err = c.http.JSON(ctx, http.MethodPost, "/tasks/"+id, nil, body, &t)
	return sane(t, err, id)
}

// Delete implements taskdb.Tasks.
func (c *Client) Delete(ctx context.Context, id string) (taskdb.Task, error) {
	return c.drop(ctx, id, nil)
}

// Withdraw implements taskdb.Tasks.
func (c *Client) Withdraw(ctx context.Context, id string) (taskdb.Task, error) {
	return c.drop(ctx, id, url.Values{"unless": {unlessGiven}})
}

func (c *Client) drop(ctx context.Context, id string, q url.Values) (t taskdb.Task, err error) {
	if err := taskdb.CheckID(id); err != nil {
		return t, err
	}
	_, err = c.http.JSON(ctx, http.MethodDelete, "/tasks/"+id, q, nil, &t)
	return sane(t, err, id)
}

// Expire implements taskdb.Tasks.
func (c *Client) Expire(ctx context.Context, limit int) ([]taskdb.Task, error) {
	var answer expired
	if _, err := c.http.JSON(ctx, http.MethodPost, "/expiries", nil, expiry{Limit: limit}, &answer); err != nil {
		return nil, err
	}
	if err := checkAll(answer.Tasks); err != nil {
		return nil, err
	}
	return answer.Tasks, nil
}

// Places implements taskdb.Queue.
func (c *Client) Places(ctx context.Context, ids []string) ([]taskdb.Place, error) {
	if err := taskdb.CheckPlaces(len(ids)); err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return []taskdb.Place{}, nil
	}
	var answer places
	if _, err := c.http.JSON(ctx, http.MethodPost, "/places", nil, waiting{ids}, &answer); err != nil {
		return nil, err
	}
	return answer.Places, checkPlaces(answer.Places, len(ids))
}

// Stats implements taskdb.Queue.
func (c *Client) Stats(ctx context.Context) (s taskdb.Stats, err error) {
	_, err = c.http.JSON(ctx, http.MethodGet, "/stats", nil, nil, &s)
	return s, err
}

// Claim implements taskdb.Leases. A lease that is made while ctx ends is
// released by the other side.
func (c *Client) Claim(ctx context.Context, r taskdb.ClaimRequest) ([]taskdb.Claimed, error) {
	if err := taskdb.CheckClaim(r); err != nil {
		return nil, err
	}
	body := claimBody{Worker: r.Worker, Accepts: r.Accepts, Max: r.Max, Wait: duration(r.Wait), Request: r.Request, ID: r.ID}
	var answer claims
	if _, err := c.http.Poll(ctx, r.Wait, http.MethodPost, "/claims", nil, body, &answer); err != nil {
		return nil, err
	}
	if err := checkClaims(answer.Claims, max(r.Max, 1)); err != nil {
		return nil, err
	}
	list := make([]taskdb.Claimed, len(answer.Claims))
	for i, one := range answer.Claims {
		list[i] = one.contract()
	}
	return list, nil
}

// Heartbeat implements taskdb.Leases.
func (c *Client) Heartbeat(ctx context.Context, list []taskdb.Heartbeat) ([]error, error) {
	list = slices.Clone(list)
	for i := range list {
		list[i].Progress = taskdb.ClampProgress(list[i].Progress) // JSON has no word for what is no number
	}
	return report(ctx, c, "/heartbeats", list)
}

// Finish implements taskdb.Leases.
func (c *Client) Finish(ctx context.Context, list []taskdb.Finish) ([]error, error) {
	list = slices.Clone(list)
	for i, f := range list {
		if len(f.Facts) > 0 && !json.Valid(f.Facts) {
			list[i].Facts = json.RawMessage("null") // it cannot be sent, and is refused as this is
		}
	}
	return report(ctx, c, "/finishes", list)
}

// Fail implements taskdb.Leases.
func (c *Client) Fail(ctx context.Context, list []taskdb.Failure) ([]error, error) {
	return report(ctx, c, "/failures", list)
}

// Release implements taskdb.Leases.
func (c *Client) Release(ctx context.Context, list []taskdb.Release) ([]error, error) {
	return report(ctx, c, "/releases", list)
}

func report[T any](ctx context.Context, c *Client, path string, list []T) ([]error, error) {
	if err := taskdb.CheckBatch(len(list)); err != nil {
		return nil, err
	}
	errs := make([]error, len(list))
	if len(list) == 0 {
		return errs, nil
	}
	var answer results
	if _, err := c.http.JSON(ctx, http.MethodPost, path, nil, list, &answer); err != nil {
		return nil, err
	}
	if len(answer.Results) != len(list) {
		return nil, fault.ErrUnavailable.Because(errAnswer)
	}
	for i, r := range answer.Results {
		errs[i] = r.err()
	}
	return errs, nil
}

// Events implements taskdb.Feed.
func (c *Client) Events(ctx context.Context, after int64, limit int, wait time.Duration) ([]taskdb.Event, error) {
	q := url.Values{
		"after": {strconv.FormatInt(max(after, 0), 10)},
		"limit": {strconv.Itoa(taskdb.PageLimit(limit))},
	}
	if wait > 0 {
		q.Set("wait", min(wait, taskdb.MaxWait).String())
	}
	var answer events
	if _, err := c.http.Poll(ctx, min(wait, taskdb.MaxWait), http.MethodGet, "/events", q, nil, &answer); err != nil {
		return nil, err
	}
	return answer.Events, checkEvents(answer.Events, max(after, 0))
}
