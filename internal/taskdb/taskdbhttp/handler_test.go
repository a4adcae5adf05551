package taskdbhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/problem"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/taskdbhttp"
)

// wire is a served store, talked to by hand.
type wire struct {
	*testing.T
	store *sqltaskdb.Store
	url   string
}

func newWire(t *testing.T) *wire {
	s := engine(t, sqltaskdb.Options{})
	return &wire{T: t, store: s, url: serve(t, t.Context(), s).URL}
}

// call makes a request and wants a status; for an error also its code.
func (w *wire) call(method, path, body string, status int, code string) map[string]any {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	var answer map[string]any
	if len(data) > 0 {
		if err := json.Unmarshal(data, &answer); err != nil {
			w.Fatalf("%s %s answers %q: %v", method, path, data, err)
		}
	}
	got, _ := answer["code"].(string)
	isProblem := resp.Header.Get("Content-Type") == problem.ContentType
	if resp.StatusCode != status || isProblem != (status >= 400) || status >= 400 && got != code {
		w.Fatalf("%s %s %s answers %d %s, want %d %s", method, path, body, resp.StatusCode, data, status, code)
	}
	return answer
}

func (w *wire) field(answer map[string]any, name string, want any) {
	w.Helper()
	if got := answer[name]; got != want {
		w.Errorf("%s is %v, want %v", name, got, want)
	}
}

func TestOneTaskByHand(t *testing.T) {
	w := newWire(t)
	w.field(w.call("POST", "/tasks/a", `{"state":"not-started"}`, 201, ""), "state", "not-started")
	w.field(w.call("POST", "/tasks/a", `{"state":"not-started"}`, 200, ""), "state", "not-started")
	w.field(w.call("GET", "/tasks/a", "", 200, ""), "id", "a")
	w.call("POST", "/tasks/a", `{"state":"finished"}`, 400, "lease-required")
	w.call("POST", "/tasks/a", `{"state":"failed"}`, 400, "lease-required")
	got := w.call("POST", "/tasks/a", `{"state":"in-progress","worker":"me"}`, 200, "")
	w.field(got, "worker", "me")
	w.field(got, "leaseSeconds", 30.0)
	w.field(got, "deadlineSeconds", 600.0)
	lease := got["lease"].(string)
	w.call("POST", "/tasks/a", `{"state":"in-progress"}`, 409, "illegal-transition")
	w.call("POST", "/tasks/a", `{"state":"not-started"}`, 400, "lease-required")
	w.call("POST", "/tasks/a", `{"state":"not-started","lease":"1.x"}`, 409, "lease-lost")
	w.field(w.call("POST", "/tasks/a", `{"state":"not-started","lease":"`+lease+`"}`, 200, ""), "state", "not-started")
	lease = w.call("POST", "/tasks/a", `{"state":"in-progress"}`, 200, "")["lease"].(string)
	w.call("POST", "/tasks/a", `{"state":"failed","lease":"1.x"}`, 409, "lease-lost")
	w.field(w.call("POST", "/tasks/a", `{"state":"failed","lease":"`+lease+`","code":"bad","detail":"so bad"}`, 200, ""), "state", "failed")
	w.field(w.call("POST", "/tasks/a", `{"state":"not-started"}`, 200, ""), "state", "not-started")
	w.field(w.call("POST", "/tasks/a", `{"state":"canceled"}`, 200, ""), "state", "canceled")
	w.field(w.call("POST", "/tasks/a", `{"state":"canceled"}`, 200, ""), "state", "canceled")
	w.field(w.call("POST", "/tasks/a", `{"state":"not-started","retry":true}`, 200, ""), "state", "not-started")
	lease = w.call("POST", "/tasks/a", `{"state":"in-progress"}`, 200, "")["lease"].(string)
	w.call("POST", "/tasks/a", `{"state":"finished","lease":"`+lease+`"}`, 400, "invalid-task")
	finish := `{"state":"finished","lease":"` + lease + `","outputs":[{"name":"","key":"finished/a.3","size":3,"sha256":"5e"}],"facts":{"width":3}}`
	w.field(w.call("POST", "/tasks/a", finish, 200, ""), "state", "finished")
	w.field(w.call("POST", "/tasks/a", finish, 200, ""), "token", 3.0)
	w.call("POST", "/tasks/a", `{"state":"canceled"}`, 409, "illegal-transition")
	w.call("POST", "/tasks/a", `{"state":"not-started"}`, 409, "illegal-transition")
	w.call("DELETE", "/tasks/a?unless=idle", "", 400, "invalid-parameter")
	w.field(w.call("DELETE", "/tasks/a", "", 200, ""), "token", 3.0)
	w.call("DELETE", "/tasks/a", "", 404, "not-found")
	w.call("GET", "/tasks/a", "", 404, "not-found")
	w.call("POST", "/tasks/a", `{"state":"not-started","retry":true}`, 404, "not-found")
}

func TestCreateByHand(t *testing.T) {
	w := newWire(t)
	got := w.call("POST", "/tasks/a", `{"state":"not-started","owner":"ann","pipeline":"swap:grb","source":{"key":"k","size":3},
		"outputs":[{"name":"x"}],"tags":["t"],"priority":2,"keep":1000,"callback":"http://h/"}`, 201, "")
	w.field(got, "owner", "ann")
	w.field(got, "priority", 2.0)
	w.call("POST", "/tasks/a", `{"state":"not-started","owner":"bob"}`, 409, "exists")
	w.call("POST", "/tasks/b", `{"state":"not-started","pipeline":"nonsense"}`, 400, "invalid-pipeline")
	w.call("POST", "/tasks/b", `{"state":"not-started","priority":10}`, 400, "invalid-task")
}

func TestBornByHand(t *testing.T) {
	w := newWire(t)
	const whole = `"outputs":[{"name":"","key":"a.1","size":3,"sha256":"5e"}],"facts":{"width":3},"owner":"ann","fingerprint":"p"`
	w.call("POST", "/tasks/a", `{"state":"finished",`+whole+`}`, 400, "lease-required")
	w.call("POST", "/tasks/a", `{"state":"finished","token":2,`+whole+`}`, 400, "invalid-task")
	w.call("POST", "/tasks/a", `{"state":"finished","token":1}`, 400, "invalid-task")
	w.call("POST", "/tasks/a", `{"state":"failed","token":1,`+whole+`}`, 400, "lease-required")
	w.call("POST", "/tasks/a", `{"state":"finished","token":1,"lease":"1.x",`+whole+`}`, 409, "lease-lost")
	w.field(w.call("POST", "/tasks/a", `{"state":"finished","token":1,`+whole+`}`, 201, ""), "progress", 1.0)
	w.field(w.call("POST", "/tasks/a", `{"state":"finished","token":1,`+whole+`}`, 200, ""), "state", "finished")
	for query, n := range map[string]int{"owner=ann&fingerprint=p": 1, "owner=ann&fingerprint=q": 0, "owner=bob&fingerprint=p": 0} {
		if got := w.call("GET", "/tasks?state=finished&"+query, "", 200, "")["tasks"].([]any); len(got) != n {
			w.Errorf("%s finds %v", query, got)
		}
	}
	w.call("GET", "/tasks?fingerprint=p", "", 400, "invalid-task")
}

func TestPlacesByHand(t *testing.T) {
	w := newWire(t)
	for _, id := range []string{"a", "b"} {
		w.call("POST", "/tasks/"+id, `{"state":"not-started"}`, 201, "")
	}
	list := w.call("POST", "/places", `{"ids":["b","a","nobody"]}`, 200, "")["places"].([]any)
	for i, want := range []float64{1, 0, 0} {
		w.field(list[i].(map[string]any), "ahead", want)
	}
	if got := w.call("POST", "/places", `{}`, 200, "")["places"].([]any); len(got) != 0 {
		w.Errorf("of none there are %v", got)
	}
	w.call("POST", "/places", `{"ids":[`+strings.Repeat(`"a",`, taskdb.MaxPage)+`"a"]}`, 400, "invalid-task")
	w.call("POST", "/places", `["a"]`, 400, "invalid-json")
}

// TestPlacesThatCannotBe: who shows a place to a person does not show these.
func TestPlacesThatCannotBe(t *testing.T) {
	for _, answer := range []string{
		`{"places":[]}`, `{"places":[{},{}]}`, `{"places":[{"ahead":-1}]}`, `{"places":[{"ahead":10001}]}`, `{"places":[{"wait":-1}]}`, `{}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		t.Cleanup(server.Close)
		if _, err := client(t, server.URL).Places(t.Context(), []string{"a"}); !errors.Is(err, httpx.ErrNonsense) {
			t.Errorf("%s is taken: %v", answer, err)
		}
	}
}

// TestListsThatCannotBe: who goes by a list must not fall over a liar, nor
// read on for ever.
func TestListsThatCannotBe(t *testing.T) {
	const task, done = `{"id":"a","state":"not-started"}`, `{"id":"a","state":"finished"}`
	for answer, want := range map[string]error{
		`{"tasks":[` + task + `],"next":"d"}`:                nil,
		`{"tasks":[` + task + `],"next":"c"}`:                httpx.ErrNonsense,
		`{"tasks":[` + task + `,` + task + `,` + task + `]}`: httpx.ErrNonsense,
		`{"tasks":[{"state":"not-started"}]}`:                httpx.ErrNonsense,
		`{"tasks":[{"id":"a","state":"lost"}]}`:              httpx.ErrNonsense,
		`{"tasks":[` + done + `]}`:                           httpx.ErrNonsense,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		t.Cleanup(server.Close)
		c := client(t, server.URL)
		if page, err := c.List(t.Context(), taskdb.Filter{Cursor: "c", Limit: 2}); !errors.Is(err, want) || want != nil && page.Tasks != nil {
			t.Errorf("%s is taken: %v", answer, err)
		}
		if strings.Contains(answer, "next") || strings.Count(answer, "id") > 1 {
			continue
		}
		if _, err := c.Expire(t.Context(), 0); !errors.Is(err, want) {
			t.Errorf("%s has expired: %v", answer, err)
		}
	}
}

func TestMalformedRequests(t *testing.T) {
	w := newWire(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "/tasks/UPPER", `{"state":"not-started"}`, 400, "invalid-id"},
		{"POST", "/tasks/in-progress", `{"state":"not-started"}`, 400, "invalid-id"},
		{"POST", "/tasks/a", ``, 400, "invalid-task"},
		{"POST", "/tasks/a", `{}`, 400, "invalid-task"},
		{"POST", "/tasks/a", `{"state":"in progress"}`, 400, "invalid-task"},
		{"POST", "/tasks/a", `{"state":"not-started","surprise":1}`, 400, "invalid-json"},
		{"POST", "/tasks/a", `{"state":"not-started"} x`, 400, "invalid-json"},
		{"POST", "/tasks/a", `{"state":5}`, 400, "invalid-json"},
		{"POST", "/tasks/a", `[`, 400, "invalid-json"},
		{"POST", "/tasks/a", `{"state":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "too-large"},
		{"POST", "/tasks/a", `{"state":"canceled"}`, 404, "not-found"},
		{"POST", "/tasks/a", `{"state":"in-progress"}`, 404, "not-found"},
		{"POST", "/tasks/a", `{"state":"finished","lease":"1.x"}`, 409, "lease-lost"},
		{"POST", "/claims", `{}`, 400, "invalid-task"},
		{"POST", "/claims", `{"worker":"w","wait":"soon"}`, 400, "invalid-json"},
		{"POST", "/claims", `{"worker":"w","wait":"2m"}`, 400, "invalid-task"},
		{"POST", "/claims", `{"worker":"w","max":65}`, 400, "invalid-task"},
		{"POST", "/claims", `{"worker":"w","id":"nobody"}`, 404, "not-found"},
		{"POST", "/claims", `{"worker":"w","surprise":1}`, 400, "invalid-json"},
		{"POST", "/heartbeats", `{}`, 400, "invalid-json"},
		{"POST", "/heartbeats", `[{"id":"a","surprise":1}]`, 400, "invalid-json"},
		{"POST", "/finishes", `[` + strings.Repeat(`{},`, taskdb.MaxBatch) + `{}]`, 400, "invalid-task"},
		{"GET", "/tasks?state=x", ``, 400, "invalid-task"},
		{"GET", "/tasks?state=finished&owner=%zz", ``, 400, "invalid-parameter"},
		{"GET", "/tasks/finished?limit=2;cursor=x", ``, 400, "invalid-parameter"},
		{"GET", "/events?after=%zz", ``, 400, "invalid-parameter"},
		{"POST", "/expiries", `[]`, 400, "invalid-json"},
		{"GET", "/tasks?limit=x", ``, 400, "invalid-parameter"},
		{"GET", "/tasks?order=x", ``, 400, "invalid-parameter"},
		{"GET", "/tasks?expiredBy=x", ``, 400, "invalid-parameter"},
		{"GET", "/tasks/finished?cursor=x", ``, 400, "invalid-cursor"},
		{"GET", "/events?after=-1", ``, 400, "invalid-parameter"},
		{"GET", "/events?wait=2m", ``, 400, "invalid-parameter"},
		{"GET", "/nothing", ``, 404, "no-route"},
		{"PATCH", "/tasks/a", ``, 405, "method-not-allowed"},
		{"GET", "/claims", ``, 405, "method-not-allowed"},
	} {
		w.call(c.method, c.path, c.body, c.status, c.code)
	}
}

func TestListsByHand(t *testing.T) {
	w := newWire(t)
	for _, id := range []string{"c", "a", "b"} {
		w.call("POST", "/tasks/"+id, `{"state":"not-started","tags":["t"]}`, 201, "")
	}
	got := w.call("GET", "/tasks/not-started?limit=2", "", 200, "")
	if ids := got["ids"].([]any); len(ids) != 2 || ids[0] != "a" || ids[1] != "b" {
		t.Errorf("ids %v", ids)
	}
	got = w.call("GET", "/tasks/not-started?cursor="+got["next"].(string), "", 200, "")
	if ids := got["ids"].([]any); len(ids) != 1 || ids[0] != "c" || got["next"] != nil {
		t.Errorf("ids %v, next %v", ids, got["next"])
	}
	for _, state := range taskdb.States[1:] {
		if ids := w.call("GET", "/tasks/"+string(state), "", 200, "")["ids"].([]any); len(ids) != 0 {
			t.Errorf("%s: %v", state, ids)
		}
	}
	got = w.call("GET", "/tasks?tag=t&state=not-started&owner=public&order=desc&limit=1", "", 200, "")
	if tasks := got["tasks"].([]any); len(tasks) != 1 || tasks[0].(map[string]any)["id"] != "c" {
		t.Errorf("tasks %v", tasks)
	}
	got = w.call("GET", "/events?after=1&limit=1&wait=1", "", 200, "")
	if events := got["events"].([]any); len(events) != 1 || got["last"] != 2.0 {
		t.Errorf("events %v, last %v", events, got["last"])
	}
	got = w.call("GET", "/events?after=3", "", 200, "")
	if events := got["events"].([]any); len(events) != 0 || got["last"] != 3.0 {
		t.Errorf("events %v, last %v", events, got["last"])
	}
	if counts := w.call("GET", "/stats", "", 200, "")["counts"].(map[string]any); counts["not-started"] != 3.0 || len(counts) != 5 {
		t.Errorf("counts %v", counts)
	}
}

func TestLeasesByHand(t *testing.T) {
	w := newWire(t)
	if list := w.call("POST", "/claims", `{"worker":"w","wait":0.01}`, 200, "")["claims"].([]any); len(list) != 0 {
		t.Errorf("claimed %v", list)
	}
	w.call("POST", "/tasks/a", `{"state":"not-started"}`, 201, "")
	for _, wait := range []string{`1`, `"1s"`} { // the second gives the first one's lease again
		got := w.call("POST", "/claims", `{"worker":"w","accepts":["image"],"max":2,"request":"r","wait":`+wait+`}`, 200, "")["claims"].([]any)
		c := got[0].(map[string]any)
		w.field(c, "id", "a")
		w.field(c, "token", 1.0)
		lease := c["lease"].(string)
		answer := w.call("POST", "/heartbeats", `[{"id":"a","lease":"`+lease+`","progress":0.5},{"id":"a","lease":"1.x"}]`, 200, "")["results"].([]any)
		first, second := answer[0].(map[string]any), answer[1].(map[string]any)
		w.field(first, "ok", true)
		w.field(first, "id", "a")
		w.field(second, "ok", nil)
		w.field(second["error"].(map[string]any), "code", "lease-lost")
		w.field(second["error"].(map[string]any), "status", 409.0)
	}
}

// gone is the answer's writer when the caller has gone.
type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
func (gone) FlushError() error         { return errors.New("broken pipe") }

// deaf takes the answer and fails when it shall be sent.
type deaf struct{ http.ResponseWriter }

func (deaf) FlushError() error { return errors.New("broken pipe") }

func TestLeasesThatNobodyGetsAreReleased(t *testing.T) {
	s := engine(t, sqltaskdb.Options{})
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	leaving := &leavingStore{Store: s}
	taskdbhttp.Route(rt, leaving)
	w := &wire{T: t, store: s, url: serve(t, t.Context(), s).URL}
	w.call("POST", "/tasks/a", `{"state":"not-started"}`, 201, "")
	for _, request := range []struct{ path, body string }{
		{"/claims", `{"worker":"w"}`}, {"/claims", `{"worker":"w","id":"a"}`}, {"/tasks/a", `{"state":"in-progress"}`},
	} {
		for name, writer := range map[string]func(http.ResponseWriter) http.ResponseWriter{
			"leaves":        func(w http.ResponseWriter) http.ResponseWriter { return w },
			"cannot write":  func(w http.ResponseWriter) http.ResponseWriter { return gone{w} },
			"cannot be met": func(w http.ResponseWriter) http.ResponseWriter { return deaf{w} },
		} {
			ctx, leave := context.WithCancel(t.Context())
			leaving.leave = func() {}
			if name == "leaves" {
				leaving.leave = leave
			}
			func() {
				defer func() { _ = recover() }() // as the server does
				r := httptest.NewRequestWithContext(ctx, "POST", request.path, strings.NewReader(request.body))
				rt.ServeHTTP(writer(httptest.NewRecorder()), r)
			}()
			leave()
			if task, err := s.Get(t.Context(), "a"); err != nil || task.State != taskdb.NotStarted || task.Lost != 0 {
				t.Errorf("%s, who %s: the task is %s, %v", request.path, name, task.State, err)
			}
		}
	}
	if task, _ := s.Get(t.Context(), "a"); task.Token != 9 {
		t.Errorf("it was claimed %d times", task.Token)
	}
}

// leavingStore has its caller leave when a claim has been made.
type leavingStore struct {
	taskdb.Store
	leave func()
}

func (s *leavingStore) Claim(ctx context.Context, r taskdb.ClaimRequest) ([]taskdb.Claimed, error) {
	list, err := s.Store.Claim(ctx, r)
	s.leave()
	return list, err
}

// TestWaitsEndWithTheServer: a service that stops does not wait for those who
// wait.
func TestWaitsEndWithTheServer(t *testing.T) {
	s := engine(t, sqltaskdb.Options{})
	base, stop := context.WithCancel(t.Context())
	c := client(t, serve(t, base, s).URL)
	ended := make(chan error, 2)
	go func() {
		_, err := c.Claim(t.Context(), taskdb.ClaimRequest{Worker: "w", Wait: taskdb.MaxWait})
		ended <- err
	}()
	go func() {
		_, err := c.Events(t.Context(), 0, 0, taskdb.MaxWait)
		ended <- err
	}()
	for range 20 { // time for them to arrive
		if _, err := c.Stats(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	for range 2 {
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			t.Fatal("somebody waits on")
		}
	}
}

func TestAnAnswerThatIsTooShortIsAnError(t *testing.T) {
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	rt.Handle("POST /heartbeats", func(w http.ResponseWriter, _ *http.Request) error {
		return httpx.WriteJSON(w, http.StatusOK, map[string]any{"results": []any{}})
	})
	server := httptest.NewServer(rt)
	defer server.Close()
	if errs, err := client(t, server.URL).Heartbeat(t.Context(), make([]taskdb.Heartbeat, 1)); err == nil {
		t.Errorf("a heartbeat without an answer succeeded: %v", errs)
	}
}
