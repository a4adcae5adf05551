package labhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
)

// Submit implements lab.Customers.
func (c *Client) Submit(ctx context.Context, s lab.Submission, body io.Reader) (lab.Task, error) {
	header := http.Header{"Content-Type": {s.ContentType}}
	if s.Accept != "" {
		header.Set("Accept", acceptHeader(s.Accept))
	}
	if s.IdempotencyKey != "" {
		header.Set(headerIdempotency, s.IdempotencyKey)
	}
	resp, err := c.http.Upload(ctx, httpx.Request{
		Method: http.MethodPost, Path: "/tasks", Query: submissionQuery(s), Header: header,
	}, storage.Exactly(body, s.Size), s.Size)
	if err != nil {
		return lab.Task{}, err
	}
	var t lab.Task
	err = c.http.Decode(ctx, resp, &t)
	return sane(t, t.ID, err)
}

// sane refuses what is no task, or another one than was asked for.
func sane(t lab.Task, id string, err error) (lab.Task, error) {
	if err == nil && (t.ID == "" || t.ID != id || !t.State.Valid() || len(t.Outputs) == 0) {
		err = httpx.ErrNonsense.Because(fmt.Errorf("the task %.64q, %.16q, instead of %.64q", t.ID, t.State, id))
	}
	return t, err
}

func path(id, action string) string { return "/tasks/" + url.PathEscape(id) + action }

func (r ref) query() url.Values { return url.Values{"owner": {r.Owner}} }

type ref lab.Ref

// Task implements lab.Customers.
func (c *Client) Task(ctx context.Context, r lab.Ref, wait time.Duration) (t lab.Task, err error) {
	if r.ID == "" {
		return t, lab.ErrNotFound
	}
	q := ref(r).query()
	if wait > 0 {
		q.Set("wait", wait.String())
	}
	_, err = c.http.Poll(ctx, wait, http.MethodGet, path(r.ID, ""), q, nil, &t)
	return sane(t, r.ID, err)
}

// Tasks implements lab.Customers.
func (c *Client) Tasks(ctx context.Context, f lab.Filter) (page lab.Page, err error) {
	q := url.Values{"owner": {f.Owner}, "state": {string(f.State)}, "tag": {f.Tag}, "cursor": {f.Cursor}, "limit": {strconv.Itoa(f.Limit)}}
	if f.Ascending {
		q.Set("order", "asc")
	}
	_, err = c.http.JSON(ctx, http.MethodGet, "/tasks", q, nil, &page)
	for _, t := range page.Tasks {
		if _, err = sane(t, t.ID, err); err != nil {
			return lab.Page{}, err
		}
	}
	if err == nil && page.Next != "" && page.Next == f.Cursor {
		err = httpx.ErrNonsense.Because(errors.New("a list that does not end"))
	}
	return page, err
}

// Result implements lab.Customers.
func (c *Client) Result(ctx context.Context, r lab.Ref, output string) (lab.Result, error) {
	q := ref(r).query()
	q.Set("output", output)
	return c.image(ctx, r, "/result", q, output)
}

// Original implements lab.Customers.
func (c *Client) Original(ctx context.Context, r lab.Ref) (lab.Result, error) {
	return c.image(ctx, r, "/original", ref(r).query(), "")
}

func (c *Client) image(ctx context.Context, r lab.Ref, action string, q url.Values, output string) (lab.Result, error) {
	if r.ID == "" {
		return lab.Result{}, lab.ErrNotFound
	}
	req := httpx.Request{Method: http.MethodGet, Path: path(r.ID, action), Query: q}
	probe := req
	probe.Header = http.Header{"Range": {"bytes=0-0"}} // not HEAD: an error needs a body that says why
	resp, err := c.http.Do(ctx, probe)
	if err != nil {
		return lab.Result{}, err
	}
	defer resp.Body.Close()
	res, err := httpx.ContentOf(resp)
	if err != nil {
		return lab.Result{}, err
	}
	made := resp.Header.Get(headerOutput)
	if made != "" && !pipeline.IsOutputName(made) || output != "" && made != output {
		return lab.Result{}, httpx.ErrNonsense.Because(fmt.Errorf("the output %q instead of %q", made, output))
	}
	return lab.Result{
		Output: made, ContentType: res.ContentType, Size: res.Size, SHA256: res.SHA256, Modified: res.Modified,
		Open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			return c.http.OpenPart(ctx, req, res, offset, length)
		},
	}, nil
}

// Cancel implements lab.Customers.
func (c *Client) Cancel(ctx context.Context, r lab.Ref) (lab.Task, error) {
	return c.move(ctx, r, "/cancel")
}

// Retry implements lab.Customers.
func (c *Client) Retry(ctx context.Context, r lab.Ref) (lab.Task, error) {
	return c.move(ctx, r, "/retry")
}

func (c *Client) move(ctx context.Context, r lab.Ref, action string) (t lab.Task, err error) {
	if r.ID == "" {
		return t, lab.ErrNotFound
	}
	_, err = c.http.JSON(ctx, http.MethodPost, path(r.ID, action), ref(r).query(), nil, &t)
	return sane(t, r.ID, err)
}

// Delete implements lab.Customers.
func (c *Client) Delete(ctx context.Context, r lab.Ref) error {
	if r.ID == "" {
		return lab.ErrNotFound
	}
	_, err := c.http.JSON(ctx, http.MethodDelete, path(r.ID, ""), ref(r).query(), nil, nil)
	return err
}
