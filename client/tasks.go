package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Filter says which tasks Tasks gives.
type Filter struct {
	State  State  // empty: any
	Tag    string // empty: any
	Oldest bool   // the oldest first; else the newest
	Page   int    // tasks per call; 0: the server's default
}

func (f Filter) query() url.Values {
	q := url.Values{"order": {"desc"}}
	if f.Oldest {
		q.Set("order", "asc")
	}
	if f.State != "" {
		q.Set("state", string(f.State))
	}
	if f.Tag != "" {
		q.Set("tag", f.Tag)
	}
	if f.Page > 0 {
		q.Set("limit", strconv.Itoa(f.Page))
	}
	return q
}

// Tasks are the caller's tasks, fetched page by page while the loop goes on.
// An error ends it.
func (c *Client) Tasks(ctx context.Context, f Filter) iter.Seq2[Task, error] {
	return func(yield func(Task, error) bool) {
		for q := f.query(); ; {
			var page struct {
				Tasks []Task
				Next  string
			}
			if err := c.json(ctx, call{method: http.MethodGet, path: []string{"tasks"}, query: q}, &page); err != nil {
				yield(Task{}, err)
				return
			}
			for _, t := range page.Tasks {
				if !yield(t, nil) {
					return
				}
			}
			if page.Next == "" || page.Next == q.Get("cursor") {
				return
			}
			q.Set("cursor", page.Next)
		}
	}
}
