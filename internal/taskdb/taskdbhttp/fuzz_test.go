package taskdbhttp_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"minilab/internal/httpx"
	"minilab/internal/pipeline"
	"minilab/internal/problem"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/taskdbhttp"
)

// FuzzWire: any request is answered with JSON or a problem, and never taken for
// a defect; what the client asks for is what the store is asked for, and what
// the store answers is what the client gives.
func FuzzWire(f *testing.F) {
	f.Add(uint8(0), "a", "limit=3&order=desc", []byte(`{"state":"not-started","pipeline":"swap","source":{"key":"k"}}`), int64(5))
	f.Add(uint8(1), "in-progress", "after=7&wait=1ms", []byte(`{"worker":"w","wait":"1s","accepts":["image"]}`), int64(-1))
	f.Add(uint8(2), "not-started", "expiredBy=2026-01-02T03:04:05Z", []byte(`[{"id":"a","lease":"1.x","outputs":[{"name":"","key":"k","sha256":"s"}],"facts":{}}]`), int64(1<<60))
	f.Add(uint8(3), "%2e%2e", "%zz", []byte(`{"wait":1e300}`), int64(0))
	f.Add(uint8(4), "a/b", "", []byte(`{"state":"finished","lease":"x","facts":null}`), int64(0))
	f.Fuzz(func(t *testing.T, route uint8, id, query string, body []byte, n int64) {
		b := &book{task: taskdb.Task{Pipeline: pipeline.Default()}}
		rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
		taskdbhttp.Route(rt, b)
		anyRequest(t, rt, route, id, query, body)
		if utf8.ValidString(id) && utf8.ValidString(query) {
			understood(t, b, taskdbhttp.NewClient(httpx.NewClient("http://h", within{rt})), id, query, body, n)
		}
	})
}

// book is a store that keeps nothing but what it was asked last, and gives
// what it is told to.
type book struct {
	taskdb.Store
	asked any
	task  taskdb.Task
}

func (b *book) Create(_ context.Context, t taskdb.Task) (taskdb.Task, bool, error) {
	b.asked = t
	return b.task, true, taskdb.CheckNew(t)
}

func (b *book) Get(_ context.Context, id string) (taskdb.Task, error) {
	b.asked = id
	return b.task, taskdb.CheckID(id)
}

func (b *book) Cancel(ctx context.Context, id string) (taskdb.Task, error) { return b.Get(ctx, id) }
func (b *book) Retry(ctx context.Context, id string) (taskdb.Task, error)  { return b.Get(ctx, id) }

func (b *book) Withdraw(ctx context.Context, id string) (taskdb.Task, error) {
	return b.Delete(ctx, id)
}

func (b *book) Delete(_ context.Context, id string) (taskdb.Task, error) {
	b.asked = id
	return b.task, taskdb.CheckID(id)
}

func (b *book) List(_ context.Context, f taskdb.Filter) (taskdb.Page, error) {
	b.asked = f
	listed := b.task
	listed.ID, listed.State = cmp.Or(listed.ID, "a"), cmp.Or(listed.State, taskdb.NotStarted)
	return taskdb.Page{Tasks: []taskdb.Task{listed}, Next: "x" + f.Cursor}, taskdb.CheckFilter(f)
}

func (b *book) Places(_ context.Context, ids []string) ([]taskdb.Place, error) {
	b.asked = ids
	return make([]taskdb.Place, len(ids)), taskdb.CheckPlaces(len(ids))
}

func (b *book) Stats(context.Context) (taskdb.Stats, error) { return taskdb.Stats{}, nil }

func (b *book) Claim(_ context.Context, r taskdb.ClaimRequest) ([]taskdb.Claimed, error) {
	b.asked = r
	return []taskdb.Claimed{{Task: b.task, Lease: "1.x", Duration: time.Second, Deadline: time.Minute}}, taskdb.CheckClaim(r)
}

func (b *book) Heartbeat(_ context.Context, list []taskdb.Heartbeat) ([]error, error) {
	return each(b, list)
}
func (b *book) Finish(_ context.Context, list []taskdb.Finish) ([]error, error) { return each(b, list) }
func (b *book) Fail(_ context.Context, list []taskdb.Failure) ([]error, error)  { return each(b, list) }
func (b *book) Release(_ context.Context, list []taskdb.Release) ([]error, error) {
	return each(b, list)
}

// each finds every other report good.
func each[T any](b *book, list []T) ([]error, error) {
	b.asked = list
	errs := make([]error, len(list))
	for i := range errs {
		if i%2 == 1 {
			errs[i] = taskdb.ErrLeaseLost
		}
	}
	return errs, taskdb.CheckBatch(len(list))
}

func (b *book) Events(_ context.Context, after int64, limit int, wait time.Duration) ([]taskdb.Event, error) {
	b.asked = []int64{after, int64(limit), int64(wait)}
	return []taskdb.Event{{Seq: after + 1, ID: "a", State: taskdb.NotStarted}}, nil
}

var routes = []struct{ method, path string }{
	{"POST", "/tasks/"}, {"POST", "/claims"}, {"POST", "/finishes"}, {"POST", "/heartbeats"}, {"POST", "/failures"}, {"POST", "/releases"},
	{"GET", "/tasks"}, {"GET", "/tasks/"}, {"GET", "/events"}, {"DELETE", "/tasks/"}, {"GET", "/stats"}, {"POST", "/places"},
}

func anyRequest(t *testing.T, rt http.Handler, route uint8, id, query string, body []byte) {
	c := routes[int(route)%len(routes)]
	if strings.HasSuffix(c.path, "/") {
		c.path += url.PathEscape(id)
	}
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(string(body)))
	r.URL.RawQuery = query
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, r)
	resp := w.Result()
	text, _ := io.ReadAll(resp.Body)
	var p problem.Problem
	switch {
	case resp.StatusCode >= 500:
		t.Errorf("%s %s?%s %q: %d %s", c.method, c.path, query, body, resp.StatusCode, text)
	case resp.StatusCode >= 400 && (json.Unmarshal(text, &p) != nil || p.Status != resp.StatusCode || p.Code == ""):
		t.Errorf("%d with %s", resp.StatusCode, text)
	case resp.StatusCode < 300 && resp.StatusCode != http.StatusNoContent && !json.Valid(text):
		t.Errorf("%d with %q", resp.StatusCode, text)
	}
}

// within calls a handler without a network.
type within struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (h within) RoundTrip(r *http.Request) (*http.Response, error) {
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), body)
	in.Header = r.Header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	return w.Result(), nil
}

// understood: both sides of the wire mean the same.
func understood(t *testing.T, b *book, c *taskdbhttp.Client, id, text string, body []byte, n int64) {
	ctx := t.Context()
	same := func(what string, want any, err error) {
		t.Helper()
		if err == nil && !reflect.DeepEqual(b.asked, want) {
			t.Errorf("%s: %#v was understood as %#v", what, want, b.asked)
		}
	}
	wanted := taskdb.Task{ID: id, Owner: text, Tags: []string{text}, Priority: int(n % 10), Pipeline: pipeline.Default(), Keep: time.Duration(max(n, 0)),
		Outputs: []taskdb.Output{{Name: text}}, Source: taskdb.Blob{Key: id, Size: n, ContentType: text}, RunAt: time.UnixMicro(n).UTC(), IdempotencyKey: text, Fingerprint: text, Trace: text}
	if n%2 == 0 {
		wanted.State, wanted.Token = taskdb.Finished, 1
		wanted.Outputs[0].Blob = taskdb.Blob{Key: id, SHA256: text, Size: n}
	}
	if taskdb.CheckNew(wanted) == nil {
		b.task = wanted
	}
	got, _, err := c.Create(ctx, wanted)
	same("create", wanted, err)
	if err == nil && !reflect.DeepEqual(got, wanted) {
		t.Errorf("%+v came back as %+v", wanted, got)
	}
	claim := taskdb.ClaimRequest{Worker: text, Accepts: []string{id}, Max: int(n % 70), Wait: time.Duration(n % int64(time.Minute)), Request: text, ID: id}
	_, err = c.Claim(ctx, claim)
	same("claim", claim, err)
	f := taskdb.Filter{State: taskdb.Finished, Owner: text, Tag: id, Fingerprint: text, Descending: n%2 == 0, Cursor: text, Limit: 7}
	page, err := c.List(ctx, f)
	same("list", f, err)
	if err != nil || page.Next != "x"+text {
		t.Errorf("the cursor %q comes back as %q, %v", text, page.Next, err)
	}
	reports := []taskdb.Finish{{ID: id, Lease: text, Outputs: wanted.Outputs}, {ID: text, Lease: id, Outputs: []taskdb.Output{}}}
	if json.Valid(body) && len(body) < 1000 && body[0] == '{' {
		reports[0].Facts = compact(body)
	}
	errs, err := c.Finish(ctx, reports)
	same("finish", reports, err)
	if err != nil || len(errs) != 2 || errs[0] != nil || errs[1] == nil {
		t.Errorf("finishes are answered with %v, %v", errs, err)
	}
	failures := []taskdb.Failure{{ID: id, Lease: text, Error: taskdb.Error{Code: text, Detail: id}, Retry: n%2 == 0}}
	_, err = c.Fail(ctx, failures)
	same("fail", failures, err)
	_, err = c.Events(ctx, n, int(n%3000), time.Duration(n%int64(time.Minute)))
	same("events", []int64{max(n, 0), int64(taskdb.PageLimit(int(n % 3000))), max(n%int64(time.Minute), 0)}, err)
}

// compact is JSON as the client sends it.
func compact(body []byte) json.RawMessage {
	data, _ := json.Marshal(json.RawMessage(body))
	return data
}
