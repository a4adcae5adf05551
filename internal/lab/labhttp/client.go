package labhttp

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/lab"
)

// Client is a lab.Lab at the other end of the wire.
type Client struct{ http *httpx.Client }

// NewClient makes a client of the master that c calls.
func NewClient(c *httpx.Client) *Client { return &Client{c} }

var _ lab.Lab = (*Client)(nil)

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
func (c *Client) Heartbeat(ctx context.Context, id, lease string, b lab.Beat) error {
	return c.report(ctx, "/heartbeat", id, lease, b)
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
