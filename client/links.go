package client

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Link is a URL by which whoever has it does one thing without a key.
type Link struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Picture is what a link for a download gives.
type Picture struct {
	Task       string // its ID
	Output     string // of the results, by its name; empty: the first one
	Original   bool   // what was handed in, in the place of a result
	Attachment bool   // browsers keep it as a file
}

// LinkTo makes a link by which one picture is fetched, as often as one likes,
// until it expires: after a second to thirty days; 0: an hour. It needs the
// scope read.
func (c *Client) LinkTo(ctx context.Context, p Picture, expires time.Duration) (Link, error) {
	d := map[string]any{"task": p.Task}
	if p.Output != "" {
		d["output"] = p.Output
	}
	if p.Original {
		d["original"] = true
	}
	if p.Attachment {
		d["download"] = true
	}
	return c.link(ctx, d, expires)
}

// LinkFor makes a link by which one image is handed in with POST, to be altered
// as o says and not otherwise. The image, of at most maxBytes (0: the lab's
// limit), is the body itself. It needs the scope submit.
func (c *Client) LinkFor(ctx context.Context, o Order, maxBytes int64, expires time.Duration) (Link, error) {
	upload := o.document(Image{})
	if maxBytes > 0 {
		upload["maxBytes"] = maxBytes
	}
	return c.link(ctx, map[string]any{"upload": upload}, expires)
}

func (c *Client) link(ctx context.Context, d map[string]any, expires time.Duration) (l Link, err error) {
	if expires != 0 {
		d["expires"] = expires.String()
	}
	b, err := jsonBody(d)
	if err != nil {
		return l, err
	}
	if err = c.json(ctx, call{method: http.MethodPost, path: []string{"links"}, body: b}, &l); err != nil {
		return Link{}, err
	}
	if !strings.HasPrefix(l.URL, "/api/") {
		return Link{}, fmt.Errorf("the link that was made, %q, is not below the lab's URL", l.URL)
	}
	l.URL = c.Server + l.URL
	return l, nil
}

// RotateLinks has links signed with a new key from now on. With forget, all
// that were made before are good for nothing. It needs the scope admin.
func (c *Client) RotateLinks(ctx context.Context, forget bool) error {
	b, err := jsonBody(map[string]any{"forget": forget})
	if err != nil {
		return err
	}
	return c.json(ctx, call{method: http.MethodPost, path: []string{"links", "rotation"}, body: b, once: true}, nil)
}
