package labhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
)

// Client is a lab.Lab at the other end of the wire.
type Client struct{ http *httpx.Client }

// NewClient makes a client of the master that c calls.
func NewClient(c *httpx.Client) *Client { return &Client{c} }

var _ lab.Lab = (*Client)(nil)

// Submit implements lab.Customers.
func (c *Client) Submit(ctx context.Context, s lab.Submission, body io.Reader) (string, error) {
	header := http.Header{"Content-Type": {s.ContentType}}
	if s.Accept != "" {
		header.Set("Accept", acceptHeader(s.Accept))
	}
	resp, err := c.http.Upload(ctx, httpx.Request{
		Method: http.MethodPost, Path: MasterPaths.New, Query: submissionQuery(s), Header: header,
	}, storage.Exactly(body, s.Size), s.Size)
	if err != nil {
		return "", err
	}
	var ticket struct {
		ID string `json:"id"`
	}
	if err := c.http.Decode(ctx, resp, &ticket); err != nil {
		return "", err
	}
	if ticket.ID == "" {
		return "", httpx.ErrNonsense.Because(errors.New("a ticket without an ID"))
	}
	return ticket.ID, nil
}

// Status implements lab.Customers.
func (c *Client) Status(ctx context.Context, id string, wait time.Duration) (st lab.Status, err error) {
	q := url.Values{"id": {id}}
	if wait > 0 {
		q.Set("wait", wait.String())
	}
	_, err = c.http.Poll(ctx, wait, http.MethodGet, MasterPaths.IsReady, q, nil, &st)
	if err == nil && (st.ID != id || st.Phase == "") {
		err = httpx.ErrNonsense.Because(fmt.Errorf("the status %+v of %q", st, id))
	}
	return st, err
}

// Result implements lab.Customers.
func (c *Client) Result(ctx context.Context, id, output string) (lab.Result, error) {
	req := httpx.Request{Method: http.MethodGet, Path: MasterPaths.Get, Query: url.Values{"id": {id}, "output": {output}}}
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

// Claim implements lab.Workers.
func (c *Client) Claim(ctx context.Context, r lab.ClaimRequest) ([]lab.Work, error) {
	q := url.Values{"worker": {r.Worker}, "request": {r.Request}, "max": {strconv.Itoa(max(r.Max, 1))}, "wait": {r.Wait.String()}}
	if len(r.Accepts) > 0 {
		q.Set("accepts", strings.Join(r.Accepts, ","))
	}
	var list workList
	if _, err := c.http.Poll(ctx, r.Wait, http.MethodPost, "/getWork", q, nil, &list); err != nil {
		return nil, err
	}
	if err := checkWork(list.Work, max(r.Max, 1)); err != nil {
		return nil, err
	}
	return list.Work, nil
}

// checkWork refuses work that nobody can do: a worker counts on having room for
// what it gets, and on having time.
func checkWork(list []lab.Work, most int) error {
	if len(list) > most {
		return httpx.ErrNonsense.Because(fmt.Errorf("%d works instead of %d", len(list), most))
	}
	for _, w := range list {
		if w.ID == "" || w.Lease == "" || !seconds(w.LeaseSeconds) || !seconds(w.DeadlineSeconds) {
			return httpx.ErrNonsense.Because(fmt.Errorf("the work %.64q without an ID, a lease or a time", w.ID))
		}
	}
	return nil
}

// seconds says whether s can be waited for.
func seconds(s float64) bool { return s > 0 && s < math.MaxInt64/float64(time.Second) }

// Heartbeat implements lab.Workers.
func (c *Client) Heartbeat(ctx context.Context, id, lease string, progress float64) error {
	return c.report(ctx, "/heartbeat", id, lease, beat{progress})
}

// Finish implements lab.Workers.
func (c *Client) Finish(ctx context.Context, id, lease string, r lab.Report) error {
	return c.report(ctx, "/workFinished", id, lease, r)
}

// Fail implements lab.Workers.
func (c *Client) Fail(ctx context.Context, id, lease string, f lab.Failure) error {
	return c.report(ctx, "/workFailed", id, lease, f)
}

// Release implements lab.Workers.
func (c *Client) Release(ctx context.Context, id, lease string) error {
	return c.report(ctx, "/workReleased", id, lease, nil)
}

func (c *Client) report(ctx context.Context, path, id, lease string, body any) error {
	_, err := c.http.JSON(ctx, http.MethodPost, path, url.Values{"id": {id}, "lease": {lease}}, body, nil)
	return err
}
