package labhttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/pipeline"
	"minilab/internal/problem"
)

// FuzzWire: any request is answered with JSON or a problem, and never taken for
// a defect; an image arrives as the bytes that were sent, in a form or bare;
// and what the client asks for is what the lab is asked for.
func FuzzWire(f *testing.F) {
	f.Add(uint8(0), "pipeline=swap:grb&tag=a&owner=ann&priority=3", "multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nbytes\r\n--x--\r\n"), "text")
	f.Add(uint8(1), "worker=w&accepts=a,b&max=3&wait=1ms&request=r", "", []byte(""), "1.x")
	f.Add(uint8(2), "id=a&lease=1.x", "application/json", []byte(`{"outputs":[{"name":"","key":"a.1","size":1,"sha256":"s"}],"facts":{}}`), "a b\x00")
	f.Add(uint8(3), "id=a", "application/x-www-form-urlencoded", []byte(`{"progress":1e400}`), "\r\n--x")
	f.Add(uint8(4), "id=%ff&lease=", "multipart/form-data; boundary=\"\"", []byte(`{"code":"x","detail":"y","retry":true}`), "ä")
	f.Add(uint8(13), "owner=ann", "", []byte(""), "")
	f.Add(uint8(0), "preset=p&pipeline=", "multipart/mixed; boundary=x", []byte("--x\r\n\r\n--x"), "")
	f.Fuzz(func(t *testing.T, route uint8, query, contentType string, body []byte, text string) {
		b := &book{}
		rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
		labhttp.Route(rt, b)
		anyRequest(t, rt, b, route, query, contentType, body)
		form(t, rt, b, body, text)
		if utf8.ValidString(query) && utf8.ValidString(text) && len(query)+len(text) < 2<<10 { // JSON has 64 KiB at most
			understood(t, b, labhttp.NewClient(httpx.NewClient("http://h", within{rt})), query, text, body)
		}
	})
}

// book is a lab that does nothing but note what it was asked last.
type book struct {
	asked any
	bytes []byte
	err   error // of reading them
}

type reported struct {
	id, lease string
	report    any
}

func (b *book) Submit(_ context.Context, s lab.Submission, body io.Reader) (lab.Task, error) {
	b.asked = s
	b.bytes, b.err = io.ReadAll(body)
	return task("ticket"), b.err
}

func task(id string) lab.Task {
	return lab.Task{ID: id, State: lab.Failed, Error: &lab.Error{Code: id}, Outputs: []lab.Made{{}}}
}

func (b *book) Task(_ context.Context, ref lab.Ref, wait time.Duration) (lab.Task, error) {
	b.asked = reported{ref.ID, ref.Owner, wait}
	return task(ref.ID), nil
}

func (b *book) Result(_ context.Context, ref lab.Ref, output string) (lab.Result, error) {
	b.asked = reported{ref.ID, ref.Owner, output}
	return lab.Result{}, lab.ErrNotFinished.Retry(time.Second)
}

func (b *book) Original(_ context.Context, ref lab.Ref) (lab.Result, error) {
	b.asked = reported{ref.ID, ref.Owner, nil}
	return lab.Result{}, lab.ErrNotFound
}

func (b *book) Tasks(_ context.Context, f lab.Filter) (lab.Page, error) {
	b.asked = f
	return lab.Page{Tasks: []lab.Task{task("a")}, Next: "x" + f.Cursor}, nil
}

func (b *book) Cancel(_ context.Context, ref lab.Ref) (lab.Task, error) {
	b.asked = reported{ref.ID, ref.Owner, lab.Canceled}
	return task(ref.ID), nil
}

func (b *book) Retry(_ context.Context, ref lab.Ref) (lab.Task, error) {
	b.asked = reported{ref.ID, ref.Owner, lab.NotStarted}
	return task(ref.ID), nil
}

func (b *book) Delete(_ context.Context, ref lab.Ref) error {
	b.asked = ref
	return nil
}

func (b *book) Events(_ context.Context, after int64, limit int, wait time.Duration) ([]lab.Event, error) {
	b.asked = []int64{after, int64(limit), int64(wait)}
	return []lab.Event{{Seq: after + 1, State: lab.Finished}}, nil
}

func (b *book) Places(_ context.Context, ids []string) ([]lab.Place, error) {
	b.asked = ids
	return make([]lab.Place, len(ids)), nil
}

func (b *book) Stats(context.Context) (lab.Stats, error) {
	return lab.Stats{LastSeq: 7}, nil
}

func (b *book) Claim(_ context.Context, r lab.ClaimRequest) ([]lab.Work, error) {
	b.asked = r
	return []lab.Work{{ID: r.Worker, Lease: r.Request, LeaseSeconds: 1.5, DeadlineSeconds: 2, Pipeline: pipeline.Default(), Outputs: []lab.Target{{Key: r.Request}}}}, nil
}

func (b *book) Heartbeat(_ context.Context, id, lease string, at lab.Beat) error {
	b.asked = reported{id, lease, at}
	return nil
}

func (b *book) Finish(_ context.Context, id, lease string, r lab.Report) error {
	b.asked = reported{id, lease, r}
	return nil
}

func (b *book) Fail(_ context.Context, id, lease string, f lab.Failure) error {
	b.asked = reported{id, lease, f}
	return lab.ErrLeaseLost
}

func (b *book) Release(_ context.Context, id, lease string) error {
	b.asked = reported{id: id, lease: lease}
	return nil
}

var routes = []struct{ method, path string }{
	{"POST", "/newImage"}, {"POST", "/getWork"}, {"POST", "/workFinished"}, {"POST", "/heartbeat"}, {"POST", "/workFailed"}, {"POST", "/workReleased"},
	{"GET", "/isReady"}, {"GET", "/get"}, {"GET", "/getWork"}, {"HEAD", "/isReady"},
	{"POST", "/tasks"}, {"GET", "/tasks"}, {"GET", "/tasks/a"}, {"DELETE", "/tasks/a"}, {"POST", "/tasks/a/cancel"}, {"GET", "/tasks/a/result"},
	{"GET", "/events"}, {"POST", "/places"}, {"GET", "/stats"},
}

func anyRequest(t *testing.T, rt http.Handler, b *book, route uint8, query, contentType string, body []byte) {
	c := routes[int(route)%len(routes)]
	r := httptest.NewRequest(c.method, c.path, bytes.NewReader(body))
	r.URL.RawQuery = query
	r.Header = http.Header{"Content-Type": {contentType}}
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, r)
	resp := w.Result()
	text, _ := io.ReadAll(resp.Body)
	var p problem.Problem
	switch {
	case resp.StatusCode >= 500 || c.method == http.MethodHead && len(text) > 0 && resp.StatusCode < 300 && !json.Valid(text):
		t.Errorf("%s %s?%s %q %q: %d %s", c.method, c.path, query, contentType, body, resp.StatusCode, text)
	case resp.StatusCode >= 400 && (json.Unmarshal(text, &p) != nil || p.Status != resp.StatusCode || p.Code == ""):
		t.Errorf("%d with %s", resp.StatusCode, text)
	case resp.StatusCode == http.StatusNoContent && len(text) == 0:
	case resp.StatusCode < 300 && !json.Valid(text):
		t.Errorf("%d with %q", resp.StatusCode, text)
	case resp.StatusCode == http.StatusAccepted && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), "multipart/") && !bytes.Equal(b.bytes, body):
		t.Errorf("%d bytes of %d arrived", len(b.bytes), len(body))
	}
}

// form: an image in a form arrives whole, whatever stands before and behind it.
func form(t *testing.T, rt http.Handler, b *book, image []byte, text string) {
	if len(text) > 10_000 {
		return
	}
	var sent bytes.Buffer
	m := multipart.NewWriter(&sent)
	head := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="image"; filename="a.png"`}, "Content-Type": {"image/png"}}
	_ = m.WriteField("tag", text)
	_ = m.WriteField("other", text)
	part, err := m.CreatePart(head)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(image)
	_ = m.WriteField("tag", "behind")
	_ = m.Close()
	for _, cut := range []int{sent.Len(), sent.Len() / 2} {
		r := httptest.NewRequest(http.MethodPost, "/newImage", bytes.NewReader(sent.Bytes()[:cut]))
		r.Header.Set("Content-Type", m.FormDataContentType())
		w := httptest.NewRecorder()
		*b = book{}
		rt.ServeHTTP(w, r)
		s, _ := b.asked.(lab.Submission)
		switch {
		case cut == sent.Len() && (w.Code != http.StatusAccepted || !bytes.Equal(b.bytes, image) || !reflect.DeepEqual(s.Tags, []string{text}) || s.ContentType != "image/png"):
			t.Errorf("%d %s: %q arrived as %q with %+v", w.Code, w.Body, image, b.bytes, s)
		case cut < sent.Len() && w.Code == http.StatusAccepted && !bytes.Equal(b.bytes, image):
			t.Errorf("a cut form was taken in as %d bytes of %d", len(b.bytes), len(image))
		}
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
	in.Header, in.ContentLength = r.Header, r.ContentLength
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	return w.Result(), nil
}

// understood: both sides of the wire mean the same.
func understood(t *testing.T, b *book, c *labhttp.Client, id, text string, body []byte) {
	ctx := t.Context()
	same := func(what string, want any, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(b.asked, want) {
			t.Errorf("%s: %#v was understood as %#v, %v", what, want, b.asked, err)
		}
	}
	s := lab.Submission{
		Owner: id, Pipeline: pipeline.Default(), Outputs: []pipeline.Named{{Name: "a"}, {Name: "b", Pipeline: pipeline.Default()}}, Partial: len(text)%2 == 0,
		Accept: []string{"", "avif", "webp", "avif,webp"}[len(text)%4], Priority: len(text)%19 - 9, Tags: []string{text, id}, Keep: time.Duration(1+len(text)) * time.Second, Fresh: len(id)%2 == 0, ContentType: "image/png", Size: int64(len(body)),
	}
	_, err := c.Submit(ctx, s, bytes.NewReader(body))
	same("submit", s, err)
	if !bytes.Equal(b.bytes, body) {
		t.Errorf("%q arrived as %q", body, b.bytes)
	}
	if id != "" {
		_, err = c.Task(ctx, lab.Ref{Owner: text, ID: id}, time.Duration(len(body)))
		same("task", reported{id, text, time.Duration(len(body))}, err)
		_, err = c.Retry(ctx, lab.Ref{Owner: text, ID: id})
		same("retry", reported{id, text, lab.NotStarted}, err)
		same("delete", lab.Ref{Owner: text, ID: id}, c.Delete(ctx, lab.Ref{Owner: text, ID: id}))
	}
	f := lab.Filter{Owner: id, State: lab.Failed, Tag: text, Ascending: len(text)%2 == 0, Cursor: text, Limit: len(body) % 1000}
	_, err = c.Tasks(ctx, f)
	same("tasks", f, err)
	if id != "" && text != "" {
		r := lab.ClaimRequest{Worker: id, Accepts: []string{"a", "b"}, Max: 1 + len(body)%64, Wait: time.Duration(len(body)), Request: text}
		list, err := c.Claim(ctx, r)
		same("claim", r, err)
		if len(list) != 1 || list[0].ID != id || list[0].Lease != text || list[0].Outputs[0].Key != text || list[0].LeaseSeconds != 1.5 {
			t.Errorf("the work of %q is %+v", id, list)
		}
	}
	beat := lab.Beat{Progress: 0.25, Stage: "altering"}
	same("heartbeat", reported{id, text, beat}, c.Heartbeat(ctx, id, text, beat))
	report := lab.Report{Outputs: []lab.Output{{Name: text, Key: id, Size: int64(len(body)), SHA256: text, ContentType: text}}}
	same("finish", reported{id, text, report}, c.Finish(ctx, id, text, report))
	same("release", reported{id: id, lease: text}, c.Release(ctx, id, text))
}
