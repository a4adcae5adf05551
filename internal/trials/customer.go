package trials

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
)

// Customer uses a lab by the simple paths of its frontend.
type Customer struct {
	Base string // the frontend's URL
	HTTP *http.Client
}

// Status is what isReady says of a task that has ended.
type Status struct {
	ID     string
	Status string // finished, failed or canceled
	Error  struct{ Code, Detail string }
}

// Answer is an error that the lab answered with.
type Answer struct { //nolint:errname // it is what was answered
	Status int
	Code   string // of the problem, empty where the answer is none
	Body   string
}

// Error implements error.
func (a *Answer) Error() string { return fmt.Sprintf("%d %s", a.Status, a.Body) }

// Upload hands an image in. An error other than an Answer leaves open whether
// it was taken in.
func (c Customer) Upload(ctx context.Context, image []byte) (id string, err error) {
	return c.Order(ctx, image, nil)
}

// Order is Upload with wishes, such as a pipeline or outputs. Unless fresh is
// among them the image is altered anew, whatever was made of it before.
func (c Customer) Order(ctx context.Context, image []byte, wishes url.Values) (id string, err error) {
	if !wishes.Has("fresh") {
		wishes = maps.Clone(wishes)
		if wishes == nil {
			wishes = url.Values{}
		}
		wishes.Set("fresh", "true")
	}
	body, status, err := c.call(ctx, http.MethodPost, "/newImage?"+wishes.Encode(), bytes.NewReader(image))
	if err != nil {
		return "", err
	}
	if status != http.StatusAccepted {
		return "", answer(status, body)
	}
	var taken struct{ ID string }
	if err := json.Unmarshal(body, &taken); err != nil || taken.ID == "" {
		return "", fmt.Errorf("newImage says %q: %w", body, err)
	}
	return taken.ID, nil
}

// Await polls until the task has ended.
func (c Customer) Await(ctx context.Context, id string) (Status, error) {
	for {
		body, status, err := c.call(ctx, http.MethodGet, "/image/isReady?wait=20s&id="+id, nil)
		if err != nil {
			return Status{}, err
		}
		if status != http.StatusOK {
			return Status{}, answer(status, body)
		}
		var s Status
		if err := json.Unmarshal(body, &s); err != nil || s.Status != "in progress" {
			return s, err
		}
	}
}

// Result fetches a finished image, the first of its outputs.
func (c Customer) Result(ctx context.Context, id string) ([]byte, error) {
	return c.Output(ctx, id, "")
}

// Output fetches one of a finished image's outputs.
func (c Customer) Output(ctx context.Context, id, name string) ([]byte, error) {
	path := "/image/get?id=" + id
	if name != "" {
		path += "&output=" + name
	}
	body, status, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, answer(status, body)
	}
	return body, nil
}

func (c Customer) call(ctx context.Context, method, path string, body io.Reader) ([]byte, int, error) {
	return do(ctx, c.HTTP, method, c.Base+path, body)
}

func answer(status int, body []byte) error {
	a := &Answer{Status: status, Body: string(body)}
	var p struct{ Code string }
	if json.Unmarshal(body, &p) == nil {
		a.Code = p.Code
	}
	return a
}

func get(ctx context.Context, c *http.Client, url string) (body []byte, status int, err error) {
	return do(ctx, c, http.MethodGet, url, nil)
}

func do(ctx context.Context, c *http.Client, method, url string, r io.Reader) (body []byte, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		return nil, 0, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return body, resp.StatusCode, err
}
