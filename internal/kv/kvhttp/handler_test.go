package kvhttp_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/kvhttp"
	"minilab/internal/problem"
)

// call is a request and what it is answered with, in the order that they come.
type call struct {
	method, path string
	header       string // "Name: value"
	body         string
	status       int
	code         string // of the problem
	answer       string // the body, when it is no problem
	tag          string
}

var calls = []call{
	{method: "GET", path: "/kv/a", status: 404, code: "not-found"},
	{method: "POST", path: "/kv/a/b", body: "one", status: 201, answer: `{"key":"a/b","revision":1}` + "\n", tag: `"1"`},
	{method: "GET", path: "/kv/a%2Fb", status: 200, answer: "one", tag: `"1"`},
	{method: "GET", path: "/kv/a%252Fb", status: 404, code: "not-found"},
	{method: "PUT", path: "/kv/a%2fb?unknown=1", body: "two", status: 200, answer: `{"key":"a/b","revision":2}` + "\n", tag: `"2"`},
	{method: "HEAD", path: "/kv/a/b", status: 200, tag: `"2"`},
	{method: "HEAD", path: "/kv/none", status: 404},
	{method: "GET", path: "/kv/a/b", header: `If-None-Match: "2"`, status: 304, tag: `"2"`},
	{method: "GET", path: "/kv/a/b", header: `If-None-Match: "7", W/"2"`, status: 304, tag: `"2"`},
	{method: "GET", path: "/kv/a/b", header: `If-None-Match: *`, status: 304, tag: `"2"`},
	{method: "GET", path: "/kv/a/b", header: `If-None-Match: "1"`, status: 200, answer: "two", tag: `"2"`},
	{method: "PUT", path: "/kv/a/b", header: `If-Match: "1"`, status: 412, code: "stale"},
	{method: "PUT", path: "/kv/a/b", header: `If-Match: "0"`, status: 412, code: "stale"},
	{method: "PUT", path: "/kv/a/b", header: `If-Match: *`, status: 400, code: "invalid-parameter"},
	{method: "PUT", path: "/kv/a/b", header: `If-Match: "2`, status: 400, code: "invalid-parameter"},
	{method: "PUT", path: "/kv/a/b", header: `If-None-Match: *`, status: 412, code: "stale"},
	{method: "PUT", path: "/kv/a/b", header: `If-None-Match: "2"`, status: 400, code: "invalid-parameter"},
	{method: "PUT", path: "/kv/a/b", header: `If-Match: "2"`, body: "three", status: 200, answer: `{"key":"a/b","revision":3}` + "\n", tag: `"3"`},
	{method: "PUT", path: "/kv/c", header: `If-None-Match: *`, body: "\x00\xff", status: 201, answer: `{"key":"c","revision":4}` + "\n", tag: `"4"`},
	{method: "GET", path: "/kv/?prefix=c", status: 200, answer: `{"revision":4,"entries":[{"key":"c","value":"AP8=","revision":4}],"next":""}` + "\n"},
	{method: "GET", path: "/kv?prefix=none", status: 200, answer: `{"revision":4,"entries":[],"next":""}` + "\n"},
	{method: "GET", path: "/kv/?prefix=%zz", status: 400, code: "invalid-parameter"},
	{method: "GET", path: "/kv/?limit=x", status: 400, code: "invalid-parameter"},
	{method: "GET", path: "/kv/?cursor=x", status: 400, code: "invalid-cursor"},
	{method: "PUT", path: "/kv/t?ttl=30s", body: "", status: 201, answer: `{"key":"t","revision":5}` + "\n", tag: `"5"`},
	{method: "PUT", path: "/kv/t?ttl=30", body: "", status: 200, answer: `{"key":"t","revision":5}` + "\n", tag: `"5"`},
	{method: "GET", path: "/kv/?prefix=t", status: 200, answer: `{"revision":5,"entries":[{"key":"t","value":"","revision":5,"ttl":"30s"}],"next":""}` + "\n"},
	{method: "PUT", path: "/kv/t?ttl=1ms", status: 400, code: "invalid-ttl"},
	{method: "PUT", path: "/kv/t?ttl=soon", status: 400, code: "invalid-ttl"},
	{method: "PUT", path: "/kv/t?ttl=9999999h", status: 400, code: "invalid-ttl"},
	{method: "POST", path: "/kv/", status: 400, code: "invalid-key"},
	{method: "POST", path: "/kv/%ff", status: 400, code: "invalid-key"},
	{method: "POST", path: "/kv/" + strings.Repeat("k", kv.MaxKey+1), status: 400, code: "invalid-key"},
	{method: "POST", path: "/kv/large", body: strings.Repeat("v", kv.MaxValue+1), status: 413, code: "value-too-large"},
	{method: "POST", path: "/kv/large", body: strings.Repeat("v", kv.MaxValue), status: 201, answer: `{"key":"large","revision":6}` + "\n", tag: `"6"`},
	{method: "POST", path: "/kv//a//../b/.", body: "dots", status: 201, answer: `{"key":"/a//../b/.","revision":7}` + "\n", tag: `"7"`},
	{method: "GET", path: "/kv/%2Fa/%2F%2E%2E/b/%2e", status: 200, answer: "dots", tag: `"7"`},
	{method: "DELETE", path: "/kv/a/b", header: `If-Match: "1"`, status: 412, code: "stale"},
	{method: "DELETE", path: "/kv/a/b", header: `If-Match: "3"`, status: 204},
	{method: "DELETE", path: "/kv/a/b", status: 204},
	{method: "DELETE", path: "/kv/a/b", header: `If-Match: "3"`, status: 412, code: "stale"},
	{method: "DELETE", path: "/kv/", status: 400, code: "invalid-key"},
	{method: "PATCH", path: "/kv/a", status: 405, code: "method-not-allowed"},
	{method: "POST", path: "/watch", status: 405, code: "method-not-allowed"},
	{method: "GET", path: "/watch?after=-1", status: 400, code: "invalid-parameter"},
	{method: "GET", path: "/watch?after=1000", status: 410, code: "compacted"},
	{method: "GET", path: "/watch", header: "Last-Event-ID: 1000", status: 410, code: "compacted"},
	{method: "GET", path: "/else", status: 404, code: "no-route"},
}

func TestRequestsAndAnswers(t *testing.T) {
	server := httptest.NewServer(routes(engine(t)))
	defer server.Close()
	for _, c := range calls {
		w := c.make(t, server)
		if w.StatusCode != c.status || w.Header.Get("ETag") != c.tag {
			t.Errorf("%s %.60s %s: %d, tag %s; want %d, %s", c.method, c.path, c.header, w.StatusCode, w.Header.Get("ETag"), c.status, c.tag)
		}
		c.judge(t, w)
	}
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

func (c call) make(t *testing.T, server *httptest.Server) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if name, value, ok := strings.Cut(c.header, ": "); ok {
		r.Header.Set(name, value)
	}
	client := http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %.60s: %v", c.method, c.path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(body)}
}

func (c call) judge(t *testing.T, a answer) {
	t.Helper()
	if c.status < 400 || c.method == http.MethodHead {
		if a.body != c.answer {
			t.Errorf("%s %.60s: body %q, want %q", c.method, c.path, a.body, c.answer)
		}
		return
	}
	var p problem.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Code != c.code || a.Header.Get("Content-Type") != problem.ContentType {
		t.Errorf("%s %.60s %s: %s of type %s, want a problem with code %s", c.method, c.path, c.header, a.body, a.Header.Get("Content-Type"), c.code)
	}
}

func TestValuesAreServedAsBytes(t *testing.T) {
	store := engine(t)
	if _, _, err := store.Put(t.Context(), "page", []byte("<script>"), kv.PutOptions{TTL: kv.MaxTTL}); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	routes(store).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/kv/page", nil))
	want := map[string]string{
		"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff",
		"Cache-Control": "no-cache", "Content-Length": "8", kvhttp.HeaderTTL: "720h0m0s",
	}
	for name, value := range want {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

func TestAStoreThatIsAwayIsUnavailable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client := kvhttp.NewClient(httpx.NewClient(server.URL, httpx.NewTransport()))
	_, err := client.Get(t.Context(), "a")
	if !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("get: %v", err)
	}
	for _, err := range client.Watch(t.Context(), "", 0) {
		if !errors.Is(err, fault.ErrUnavailable) {
			t.Errorf("watch: %v", err)
		}
	}
}
