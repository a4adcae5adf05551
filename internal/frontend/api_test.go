package frontend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"minilab/internal/auth"
	"minilab/internal/frontend"
	"minilab/internal/frontend/frontendtest"
	"minilab/internal/lab"
	"minilab/internal/lab/labtest"
	"minilab/internal/master/mastertest"
	"minilab/internal/pipeline"
	"minilab/internal/preset"
	"minilab/internal/problem"
	"minilab/internal/storage"
)

// service is a frontend of a real lab, whose worker works when it is told to.
type service struct {
	t      *testing.T
	f      labtest.Fixture
	url    string
	h      http.Handler
	client *http.Client
	owner  string // who calls
}

// serveLab runs a frontend over a master with embedded engines.
func serveLab(t *testing.T, change ...func(*frontend.Config)) *service {
	t.Helper()
	return serveOver(t, mastertest.Open(t), change...)
}

// serveOver is serveLab with a lab of the test's.
func serveOver(t *testing.T, f labtest.Fixture, change ...func(*frontend.Config)) *service {
	t.Helper()
	s := &service{t: t, f: f, client: frontendtest.Described(t), owner: "public"}
	cfg := frontend.Config{
		Customers: s.f.Lab, Board: s.f.Lab, Catalog: pipeline.NewCatalog(), Presets: preset.Shelf{Store: s.f.Presets},
		Workers: func() []frontend.Worker { return []frontend.Worker{{ID: "w", Version: "v1"}} },
		Limits:  frontend.Limits{MaxBytes: 1 << 20, MaxPixels: 1 << 20}, Log: slog.New(slog.DiscardHandler), Keys: byName{},
		Resolve: func(_ context.Context, s lab.Submission) error {
			_, err := pipeline.NewCatalog().Resolve(s.Pipeline)
			return err
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	s.h = frontend.New(cfg)
	server := httptest.NewServer(s.h)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// byName takes OWNER or OWNER:SCOPE for a key.
type byName struct{ frontend.Keys }

func (byName) Needed(context.Context) (bool, error) { return true, nil }

func (byName) Check(_ context.Context, key string) (auth.Principal, error) {
	owner, scope, limited := strings.Cut(key, ":")
	p := auth.Principal{Owner: owner, Scopes: auth.Scopes, Key: key}
	if limited {
		p.Scopes = []auth.Scope{auth.Scope(scope)}
	}
	return p, nil
}

// call makes a request of the API and reads the answer.
func (s *service) call(method, path string, body io.Reader, header ...string) (*http.Response, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.owner)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, text
}

// want makes a request and checks its status; into is what the JSON is read
// into, nil for what has none.
func (s *service) want(status int, into any, method, path string, body io.Reader, header ...string) *http.Response {
	s.t.Helper()
	resp, text := s.call(method, path, body, header...)
	if resp.StatusCode != status {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, resp.StatusCode, text, status)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			s.t.Fatalf("%s %s: %s: %v", method, path, text, err)
		}
	}
	return resp
}

// refuses checks that a request is answered with a problem.
func (s *service) refuses(status int, code, method, path string, body io.Reader, header ...string) problem.Problem {
	s.t.Helper()
	resp, text := s.call(method, path, body, header...)
	var p problem.Problem
	if resp.StatusCode != status || json.Unmarshal(text, &p) != nil || p.Code != code || p.Status != status ||
		resp.Header.Get("Content-Type") != problem.ContentType || resp.Header.Get("Cache-Control") != "no-store" {
		s.t.Errorf("%s %s: %d %v %s, want %d %s", method, path, resp.StatusCode, resp.Header, text, status, code)
	}
	return p
}

// work does the oldest task: its result is its source, reversed.
func (s *service) work() {
	s.t.Helper()
	s.finish(s.claim())
}

// claim takes the oldest task on.
func (s *service) claim() lab.Work {
	s.t.Helper()
	list, err := s.f.Lab.Claim(s.t.Context(), lab.ClaimRequest{Worker: "w", Wait: 10 * time.Second})
	if err != nil || len(list) != 1 {
		s.t.Fatalf("Claim: %d, %v", len(list), err)
	}
	return list[0]
}

func (s *service) finish(w lab.Work) {
	s.t.Helper()
	o, err := s.f.Storage.Get(s.t.Context(), storage.InProgress, w.Source.Key, storage.Part{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Reverse(data)
	var r lab.Report
	for _, out := range w.Outputs {
		info, err := s.f.Storage.Put(s.t.Context(), storage.Finished, out.Key, bytes.NewReader(data), storage.PutOptions{ContentType: "image/webp", Size: int64(len(data))})
		if err != nil {
			s.t.Fatal(err)
		}
		r.Outputs = append(r.Outputs, lab.Output{Name: out.Name, Key: out.Key, Size: info.Size, SHA256: info.SHA256, ContentType: "image/webp"})
	}
	if err := s.f.Lab.Finish(s.t.Context(), w.ID, w.Lease, r); err != nil {
		s.t.Fatal(err)
	}
}

// submit hands a picture in and gives its task.
func (s *service) submit(picture []byte, query string, header ...string) lab.Task {
	s.t.Helper()
	var task lab.Task
	s.want(http.StatusAccepted, &task, http.MethodPost, "/api/v1/tasks?"+query, bytes.NewReader(picture), header...)
	return task
}

func TestAPIWholeJob(t *testing.T) {
	s := serveLab(t)
	picture := noise(t, 20, 10)
	var task lab.Task
	resp := s.want(202, &task, "POST", "/api/v1/tasks?pipeline=flip/webp&tag=a&tag=b&keep=7d", bytes.NewReader(picture))
	path := "/api/v1/tasks/" + task.ID
	if resp.Header.Get("Location") != path || resp.Header.Get("Retry-After") != "1" || task.State != lab.NotStarted || task.Pipeline != "flip/webp" || !slices.Equal(task.Tags, []string{"a", "b"}) {
		t.Errorf("%v %+v", resp.Header, task)
	}
	s.want(200, &task, "GET", path, nil)
	if task.Place == nil || task.Place.Ahead != 0 {
		t.Errorf("while it waits its place is %+v", task.Place)
	}
	s.refuses(409, "not-finished", "GET", path+"/result", nil)
	s.work()
	s.want(200, &task, "GET", path+"?wait=5s", nil)
	if task.State != lab.Finished || task.Outputs[0].URL != path+"/result" || task.ExpiresAt.Sub(task.FinishedAt) != 7*24*time.Hour {
		t.Errorf("finished it is %+v", task)
	}
	resp, result := s.call("GET", task.Outputs[0].URL, nil)
	altered := slices.Clone(picture)
	slices.Reverse(altered)
	if resp.StatusCode != 200 || !bytes.Equal(result, altered) || resp.Header.Get("Content-Type") != "image/webp" {
		t.Errorf("the result is %d %v", resp.StatusCode, resp.Header)
	}
	if resp, original := s.call("GET", path+"/original?download", nil); !bytes.Equal(original, picture) || !strings.Contains(resp.Header.Get("Content-Disposition"), ".png") {
		t.Errorf("the original is %d bytes, %v", len(original), resp.Header)
	}
	s.want(204, nil, "DELETE", path, nil)
	s.refuses(404, "not-found", "GET", path, nil)
	s.refuses(404, "not-found", "DELETE", path, nil)
}

func TestAPIResultsInParts(t *testing.T) {
	s := serveLab(t)
	picture := noise(t, 20, 10)
	path := "/api/v1/tasks/" + s.submit(picture, "").ID + "/result"
	s.work()
	resp, whole := s.call("GET", path, nil)
	tag := resp.Header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) || resp.Header.Get("Repr-Digest") == "" {
		t.Fatalf("headers %v", resp.Header)
	}
	for _, c := range []struct {
		header []string
		status int
		body   []byte
	}{
		{[]string{"If-None-Match", tag}, 304, nil},
		{[]string{"If-None-Match", `"other"`}, 200, whole},
		{[]string{"Range", "bytes=3-9"}, 206, whole[3:10]},
		{[]string{"Range", "bytes=-5"}, 206, whole[len(whole)-5:]},
		{[]string{"Range", "bytes=3-9", "If-Range", tag}, 206, whole[3:10]},
		{[]string{"Range", "bytes=3-9", "If-Range", `"other"`}, 200, whole},
		{[]string{"Range", "bytes=9-3"}, 200, whole},
		{[]string{"Range", "lines=1-2"}, 200, whole},
		{[]string{"If-Modified-Since", "yesterday"}, 200, whole},
	} {
		resp, body := s.call("GET", path, nil, c.header...)
		if resp.StatusCode != c.status || !bytes.Equal(body, c.body) {
			t.Errorf("%v: %d with %d bytes", c.header, resp.StatusCode, len(body))
		}
	}
	s.refuses(416, "range-not-satisfiable", "GET", path, nil, "Range", "bytes=1000000-")
	if resp, body := s.call("HEAD", path, nil); resp.StatusCode != 200 || len(body) != 0 || resp.ContentLength != int64(len(whole)) {
		t.Errorf("HEAD: %d %v", resp.StatusCode, resp.Header)
	}
}

func TestAPIOutputs(t *testing.T) {
	s := serveLab(t)
	task := s.submit(noise(t, 20, 10), "outputs="+"large=flip|thumb=resize:8x8")
	s.work()
	path := "/api/v1/tasks/" + task.ID
	s.want(200, &task, "GET", path, nil)
	if len(task.Outputs) != 2 || task.Outputs[1].URL != path+"/result/thumb" || task.Outputs[1].Pipeline != "resize:8x8" {
		t.Errorf("the outputs are %+v", task.Outputs)
	}
	s.want(200, nil, "GET", path+"/result/thumb", nil)
	s.refuses(404, "unknown-output", "GET", path+"/result/small", nil)
}

func TestAPIPrefersWaiting(t *testing.T) {
	s := serveLab(t)
	done := make(chan struct{})
	go func() { defer close(done); s.work() }()
	var task lab.Task
	resp := s.want(200, &task, "POST", "/api/v1/tasks", bytes.NewReader(noise(t, 20, 10)), "Prefer", "respond-async, wait=10")
	<-done
	if task.State != lab.Finished || resp.Header.Get("Preference-Applied") != "wait=10" || resp.Header.Get("Location") == "" || task.Outputs[0].URL == "" {
		t.Errorf("%v %+v", resp.Header, task)
	}
	for _, prefer := range []string{"wait=0", "wait=x", "wait", "handling=lenient", "await=5"} {
		if resp := s.want(202, nil, "POST", "/api/v1/tasks?fresh=true", bytes.NewReader(noise(t, 20, 10)), "Prefer", prefer); resp.Header.Get("Preference-Applied") != "" {
			t.Errorf("%q was applied", prefer)
		}
	}
	s.want(202, &task, "POST", "/api/v1/tasks?fresh=true", bytes.NewReader(noise(t, 20, 10)), "Prefer", "wait=1")
	if task.State.Ended() {
		t.Errorf("%+v", task)
	}
}

func TestAPIRepeats(t *testing.T) {
	s := serveLab(t)
	picture := noise(t, 20, 10)
	key := []string{"Idempotency-Key", "order-7"}
	first := s.submit(picture, "pipeline=flip", key...)
	if again := s.submit(picture, "pipeline=flip", key...); again.ID != first.ID {
		t.Errorf("the same again is %s, not %s", again.ID, first.ID)
	}
	s.refuses(422, "idempotency-mismatch", "POST", "/api/v1/tasks?pipeline=flip", bytes.NewReader(noise(t, 21, 10)), key...)
	s.refuses(422, "idempotency-mismatch", "POST", "/api/v1/tasks?pipeline=flop", bytes.NewReader(picture), key...)
	s.owner = "ann"
	if other := s.submit(picture, "pipeline=flip", key...); other.ID == first.ID {
		t.Error("another owner's key gives the same task")
	}
	s.owner = "public"
	for _, bad := range []string{"a b", "ä", strings.Repeat("k", 129), " "} {
		s.refuses(400, "invalid-parameter", "POST", "/api/v1/tasks", bytes.NewReader(picture), "Idempotency-Key", bad)
	}
	s.work()
	s.work()
	var task lab.Task
	s.want(200, &task, "POST", "/api/v1/tasks?pipeline=flip", bytes.NewReader(picture), key...)
	if task.ID != first.ID || task.State != lab.Finished {
		t.Errorf("after the end it is %+v", task)
	}
	s.want(200, &task, "POST", "/api/v1/tasks?pipeline=flip", bytes.NewReader(picture))
	if task.ID == first.ID || task.State != lab.Finished {
		t.Errorf("without the key it is %+v", task)
	}
	s.want(202, &task, "POST", "/api/v1/tasks?pipeline=flip&fresh=true", bytes.NewReader(picture))
}

func TestAPIListsAndPurges(t *testing.T) {
	s := serveLab(t)
	picture := noise(t, 20, 10)
	var ids []string
	for range 5 {
		ids = append([]string{s.submit(picture, "tag=old&fresh").ID}, ids...)
	}
	kept := s.submit(picture, "fresh").ID
	var got []string
	for next := "/api/v1/tasks?tag=old&limit=2&state=not-started"; next != ""; {
		var page lab.Page
		resp := s.want(200, &page, "GET", next, nil)
		for _, task := range page.Tasks {
			got = append(got, task.ID)
		}
		link := resp.Header.Get("Link")
		if (page.Next == "") != (link == "") || len(page.Tasks) > 2 {
			t.Fatalf("%+v with the link %q", page, link)
		}
		next = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("listed %v, want %v", got, ids)
	}
	s.owner = "ann"
	var purged struct{ Deleted int }
	s.want(200, &purged, "DELETE", "/api/v1/tasks?tag=old", nil)
	if purged.Deleted != 0 {
		t.Error("another owner's tasks were deleted")
	}
	s.owner = "public"
	s.want(200, &purged, "DELETE", "/api/v1/tasks?tag=old", nil)
	var page lab.Page
	s.want(200, &page, "GET", "/api/v1/tasks", nil)
	if purged.Deleted != 5 || len(page.Tasks) != 1 || page.Tasks[0].ID != kept {
		t.Errorf("%d deleted, %+v is left", purged.Deleted, page)
	}
}

// faster is a lab in which somebody else deletes a task just before.
type faster struct {
	lab.Customers
	id string
}

func (f faster) Delete(ctx context.Context, r lab.Ref) error {
	if r.ID == f.id {
		if err := f.Customers.Delete(ctx, r); err != nil {
			return err
		}
	}
	return f.Customers.Delete(ctx, r)
}

// TestAPIPurgeCountsItsOwn: what somebody else has deleted meanwhile is no
// fault, and is not counted.
func TestAPIPurgeCountsItsOwn(t *testing.T) {
	both := &faster{}
	s := serveLab(t, func(c *frontend.Config) { both.Customers = c.Customers; c.Customers = both })
	picture := noise(t, 20, 10)
	for range 3 {
		both.id = s.submit(picture, "tag=old&fresh").ID
	}
	var purged struct{ Deleted int }
	s.want(200, &purged, "DELETE", "/api/v1/tasks?tag=old", nil)
	if purged.Deleted != 2 {
		t.Errorf("%d deleted, want 2", purged.Deleted)
	}
}

// form is the body of one with these names and values, and its type.
func form(fields ...string) (body io.Reader, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		if fields[i] != "image" {
			w.WriteField(fields[i], fields[i+1])
			continue
		}
		part, _ := w.CreateFormFile("image", fmt.Sprintf("%d.png", i))
		io.WriteString(part, fields[i+1])
	}
	w.Close()
	return &b, w.FormDataContentType()
}

func TestAPIForms(t *testing.T) {
	s := serveLab(t)
	one, two := string(noise(t, 20, 10)), string(noise(t, 10, 20))
	body, media := form("pipeline", "flip", "tag", "x", "image", one)
	var task lab.Task
	resp := s.want(202, &task, "POST", "/api/v1/tasks", body, "Content-Type", media)
	if task.Pipeline != "flip" || !slices.Equal(task.Tags, []string{"x"}) || resp.Header.Get("Location") == "" {
		t.Errorf("one image: %+v", task)
	}
	body, media = form("pipeline", "flop", "image", one, "image", "no image at all, but bytes", "image", two)
	var many struct {
		Tasks []struct {
			Task    *lab.Task
			Problem *problem.Problem
		}
	}
	s.want(202, &many, "POST", "/api/v1/tasks", body, "Content-Type", media, "Idempotency-Key", "k")
	if len(many.Tasks) != 3 || many.Tasks[0].Task == nil || many.Tasks[1].Problem == nil || many.Tasks[1].Problem.Code != "not-an-image" || many.Tasks[2].Task == nil || many.Tasks[2].Task.Pipeline != "flop" {
		t.Fatalf("three images: %+v", many)
	}
	first, third := many.Tasks[0].Task.ID, many.Tasks[2].Task.ID
	body, media = form("pipeline", "flop", "image", one, "image", "no image at all, but bytes", "image", two)
	s.want(202, &many, "POST", "/api/v1/tasks", body, "Content-Type", media, "Idempotency-Key", "k")
	if many.Tasks[0].Task.ID != first || many.Tasks[2].Task.ID != third {
		t.Errorf("three images again: %+v", many)
	}
	body, media = form("pipeline", "flip")
	s.refuses(400, "no-image", "POST", "/api/v1/tasks", body, "Content-Type", media)
	body, media = form("image", "no image at all, but bytes")
	s.refuses(415, "not-an-image", "POST", "/api/v1/tasks", body, "Content-Type", media)
}

// Of several images the answer waits for all tasks, and says how many seconds
// that is for all of them together.
func TestAPIFormsPreferWaiting(t *testing.T) {
	s := serveLab(t)
	one, two := string(noise(t, 20, 10)), string(noise(t, 10, 20))
	var many struct{ Tasks []struct{ Task *lab.Task } }
	body, media := form("image", one, "image", two, "image", "no image")
	resp := s.want(202, &many, "POST", "/api/v1/tasks", body, "Content-Type", media, "Prefer", "wait=1")
	if resp.Header.Get("Preference-Applied") != "wait=1" || resp.Header.Get("Retry-After") == "" || len(many.Tasks) != 3 || many.Tasks[1].Task.State.Ended() {
		t.Errorf("nobody worked: %v %+v", resp.Header, many)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 4 {
			s.work()
		}
	}()
	body, media = form("image", one, "image", two, "image", "no image")
	resp = s.want(200, &many, "POST", "/api/v1/tasks?fresh=true", body, "Content-Type", media, "Prefer", "wait=30")
	<-done
	if resp.Header.Get("Preference-Applied") != "wait=30" || resp.Header.Get("Retry-After") != "" {
		t.Errorf("answered with %v", resp.Header)
	}
	for _, one := range many.Tasks[:2] {
		if one.Task.State != lab.Finished || one.Task.Outputs[0].URL == "" {
			t.Errorf("it is %+v", one.Task)
		}
	}
}

// What the API tells is nobody's to keep, and what HEAD tells of the description
// is what GET does.
func TestAPIAnswersAreNotKept(t *testing.T) {
	s := serveLab(t)
	s.want(200, nil, "PUT", "/api/v1/presets/thumb", strings.NewReader(`{"pipeline":"flip"}`), "Content-Type", "application/json")
	for _, path := range []string{"stats", "workers", "presets", "presets/thumb", "operations", "operations/schema", "tasks"} {
		if cache := s.want(200, nil, "GET", "/api/v1/"+path, nil).Header.Get("Cache-Control"); cache != "no-store" {
			t.Errorf("%s: Cache-Control is %q", path, cache)
		}
	}
	for _, path := range []string{"/openapi.yaml", "/docs"} {
		_, text := s.call("GET", path, nil)
		if head := s.want(200, nil, "HEAD", path, nil); head.ContentLength != int64(len(text)) {
			t.Errorf("HEAD %s: %d bytes, want %d", path, head.ContentLength, len(text))
		}
	}
}

// A JSON body is a description, not a megabyte that is many times as much in
// memory.
func TestAPIBodiesAreSmall(t *testing.T) {
	s := serveLab(t)
	body := `{"upload":{"pipeline":[` + strings.Repeat("{},", 30_000) + `{}]}}`
	for _, path := range []string{"POST /api/v1/links", "POST /api/v1/tasks", "PUT /api/v1/presets/x", "POST /api/v1/webhooks", "POST /api/v1/links/rotation"} {
		method, path, _ := strings.Cut(path, " ")
		s.refuses(413, "too-large", method, path, strings.NewReader(body), "Content-Type", "application/json")
		if !strings.HasSuffix(path, "/tasks") { // where an image may be of any type
			s.refuses(415, "unsupported-media-type", method, path, strings.NewReader("\xa1"), "Content-Type", "application/cbor")
		}
	}
}

// The key of a form's second image is nobody else's, however long the form's is.
func TestAPIKeysOfForms(t *testing.T) {
	s := serveLab(t)
	one, two := string(noise(t, 20, 10)), string(noise(t, 10, 20))
	for _, key := range []string{"k", strings.Repeat("k", 128)} {
		if len(key) < 126 { // a request of its own that is called so
			s.submit(noise(t, 9, 9), "", "Idempotency-Key", key+"/2")
		}
		var last string
		for range 2 {
			var many struct{ Tasks []struct{ Task *lab.Task } }
			body, media := form("image", one, "image", two)
			s.want(202, &many, "POST", "/api/v1/tasks?fresh=true", body, "Content-Type", media, "Idempotency-Key", key)
			if many.Tasks[1].Task == nil || last != "" && many.Tasks[1].Task.ID != last {
				t.Fatalf("with %.8q: %+v", key, many)
			}
			last = many.Tasks[1].Task.ID
		}
	}
}

// elsewhere has images behind URLs.
type elsewhere map[string][]byte

func (e elsewhere) Open(_ context.Context, rawURL string) (io.ReadCloser, int64, error) {
	data, ok := e[rawURL]
	if !ok {
		return nil, 0, frontend.ErrNoSources
	}
	return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
}

func TestAPIDescriptions(t *testing.T) {
	picture := noise(t, 20, 10)
	s := serveLab(t, func(c *frontend.Config) { c.Sources = elsewhere{"https://example.com/a.png": picture} })
	var task lab.Task
	s.want(202, &task, "POST", "/api/v1/tasks", strings.NewReader(`{"url":"https://example.com/a.png","pipeline":[{"op":"flip"}],"outputs":{"a":"swap/webp"},"tags":["x"],"priority":-3,"keep":"2d"}`), "Content-Type", "application/json; charset=utf-8")
	if task.Pipeline != "flip" || task.Outputs[0].Pipeline != "swap/webp" || task.Priority != -3 || task.Source.Size != int64(len(picture)) || task.Source.ContentType != "image/png" {
		t.Errorf("%+v", task)
	}
	for body, code := range map[string]string{
		`{}`: "invalid-submission", `{"url":"x","upload":"y"}`: "invalid-submission", `{"url":1}`: "invalid-json", `[]`: "invalid-json", ``: "invalid-submission",
		`{"url":"https://example.com/a.png","width":1}`: "invalid-json", `{"url":"https://example.com/b.png"}`: "no-sources",
		`{"url":"https://example.com/a.png","pipeline":"nonsense"}`: "invalid-pipeline", `{"url":"https://example.com/a.png","keep":"soon"}`: "invalid-keep",
		`{"upload":"u"}`: "no-sources",
	} {
		s.refuses(400, code, "POST", "/api/v1/tasks", strings.NewReader(body), "Content-Type", "application/json")
	}
	s.refuses(400, "invalid-parameter", "POST", "/api/v1/tasks?pipeline=flip", strings.NewReader(`{"url":"https://example.com/a.png","pipeline":"flop"}`), "Content-Type", "application/json")
	s.refuses(413, "too-large", "POST", "/api/v1/tasks", strings.NewReader(`{"url":"`+strings.Repeat("x", 70_000)+`"}`), "Content-Type", "application/json")
}

func TestAPIRefuses(t *testing.T) {
	s := serveLab(t)
	picture := noise(t, 20, 10)
	unknown := "/api/v1/tasks/0198f3c2-7d1a-7000-8000-000000000000"
	for _, c := range []struct {
		status             int
		code, method, path string
	}{
		{404, "not-found", "GET", unknown},
		{404, "not-found", "GET", "/api/v1/tasks/UPPER"},
		{404, "not-found", "GET", "/api/v1/tasks/a%2Fb"},
		{404, "not-found", "GET", "/api/v1/tasks/finished"},
		{404, "not-found", "POST", unknown + "/cancel"},
		{404, "not-found", "POST", unknown + "/retry"},
		{404, "not-found", "GET", unknown + "/result"},
		{404, "not-found", "GET", unknown + "/original"},
		{404, "no-route", "GET", unknown + "/originals"},
		{404, "no-route", "GET", "/api/v1/"},
		{404, "no-route", "GET", "/api/v2/tasks"},
		{405, "method-not-allowed", "PUT", "/api/v1/tasks"},
		{405, "method-not-allowed", "GET", unknown + "/cancel"},
		{405, "method-not-allowed", "POST", unknown + "/result"},
		{400, "invalid-parameter", "GET", "/api/v1/tasks?limit=0"},
		{400, "invalid-parameter", "GET", "/api/v1/tasks?limit=501"},
		{400, "invalid-parameter", "GET", "/api/v1/tasks?limit=many"},
		{400, "invalid-parameter", "GET", "/api/v1/tasks?state=done"},
		{400, "invalid-parameter", "GET", "/api/v1/tasks?order=up"},
		{400, "invalid-parameter", "GET", "/api/v1/tasks?colour=red"},
		{400, "invalid-cursor", "GET", "/api/v1/tasks?cursor=nonsense"},
		{400, "invalid-parameter", "GET", unknown + "?wait=long"},
		{400, "invalid-parameter", "GET", unknown + "?wait=61s"},
		{400, "invalid-parameter", "GET", unknown + "?waite=1s"},
		{400, "invalid-parameter", "DELETE", "/api/v1/tasks"},
		{400, "invalid-parameter", "DELETE", "/api/v1/tasks?tag="},
		{400, "invalid-parameter", "POST", "/api/v1/tasks?pipelin=flip"},
		{400, "invalid-parameter", "POST", "/api/v1/tasks?priority=10"},
		{400, "invalid-parameter", "POST", "/api/v1/tasks?partial=perhaps"},
		{400, "invalid-keep", "POST", "/api/v1/tasks?keep=7"},
		{400, "invalid-keep", "POST", "/api/v1/tasks?keep=-1h"},
		{400, "invalid-pipeline", "POST", "/api/v1/tasks?pipeline=nonsense"},
		{400, "unknown-preset", "POST", "/api/v1/tasks?preset=none"},
		{400, "invalid-submission", "POST", "/api/v1/tasks?callback=ftp://x"},
		{404, "not-found", "GET", "/api/v1/presets/none"},
		{400, "invalid-preset", "GET", "/api/v1/presets/a%20b"},
		{404, "not-found", "DELETE", "/api/v1/presets/none"},
	} {
		var body io.Reader
		if c.method == "POST" {
			body = bytes.NewReader(picture)
		}
		if p := s.refuses(c.status, c.code, c.method, c.path, body); strings.Contains(p.Detail, "127.0.0.1") || strings.Contains(p.Detail, "/tmp") {
			t.Errorf("%s %s leaks: %s", c.method, c.path, p.Detail)
		}
	}
	s.refuses(415, "not-an-image", "POST", "/api/v1/tasks", strings.NewReader("a text that is long enough to be judged by its head"))
	s.refuses(400, "empty", "POST", "/api/v1/tasks", strings.NewReader(""))
	s.refuses(413, "too-large", "POST", "/api/v1/tasks", bytes.NewReader(make([]byte, 1<<20+1)))
	s.owner = "ann:read"
	s.refuses(403, "forbidden", "POST", "/api/v1/tasks?nonsense", bytes.NewReader(picture))
	s.refuses(403, "forbidden", "GET", "/api/v1/workers", nil)
	s.owner = "ann:submit"
	s.refuses(403, "forbidden", "GET", "/api/v1/tasks", nil)
	s.refuses(403, "forbidden", "POST", "/api/v1/tasks?priority=1", bytes.NewReader(picture))
	s.submit(picture, "priority=-1")
}

func TestAPIOwners(t *testing.T) {
	s := serveLab(t)
	task := s.submit(noise(t, 20, 10), "")
	s.work()
	s.owner = "ann"
	path := "/api/v1/tasks/" + task.ID
	for _, route := range []string{"GET ", "DELETE ", "POST /cancel", "POST /retry", "GET /result", "GET /original"} {
		method, action, _ := strings.Cut(route, " ")
		s.refuses(404, "not-found", method, path+action, nil)
	}
	s.refuses(404, "not-found", "GET", "/image/get?id="+task.ID, nil)
	s.refuses(404, "not-found", "GET", "/image/isReady?id="+task.ID, nil)
	s.owner = "public"
	s.want(200, nil, "GET", path+"/result", nil)
	s.want(200, nil, "GET", "/image/get?id="+task.ID, nil)
}

func TestAPIMoves(t *testing.T) {
	s := serveLab(t)
	path := "/api/v1/tasks/" + s.submit(noise(t, 20, 10), "").ID
	var task lab.Task
	s.refuses(409, "illegal-transition", "POST", path+"/retry", nil)
	s.want(200, &task, "POST", path+"/cancel", nil)
	if task.State != lab.Canceled {
		t.Errorf("canceled it is %+v", task)
	}
	s.refuses(409, "canceled", "GET", path+"/result", nil)
	s.want(200, &task, "POST", path+"/retry", nil)
	s.work()
	s.refuses(409, "illegal-transition", "POST", path+"/cancel", nil)
}

func TestAPICatalog(t *testing.T) {
	s := serveLab(t)
	var ops struct{ Operations []frontend.Operation }
	s.want(200, &ops, "GET", "/api/v1/operations", nil)
	if len(ops.Operations) != len(pipeline.Ops()) || ops.Operations[0].Usage == "" {
		t.Errorf("%d operations", len(ops.Operations))
	}
	var schema map[string]any
	s.want(200, &schema, "GET", "/api/v1/operations/schema", nil)
	var p frontend.Preset
	s.want(200, &p, "PUT", "/api/v1/presets/thumb", strings.NewReader(`{"summary":"small","pipeline":"resize:9x9/webp:80"}`), "Content-Type", "application/json")
	s.want(200, &p, "GET", "/api/v1/presets/thumb", nil)
	if p.Pipeline != "resize:9x9/webp" || p.Summary != "small" {
		t.Errorf("the preset is %+v", p)
	}
	var list struct{ Presets []frontend.Preset }
	s.want(200, &list, "GET", "/api/v1/presets", nil)
	if len(list.Presets) != 1 || list.Presets[0].Name != "thumb" {
		t.Errorf("the presets are %+v", list)
	}
	for _, body := range []string{`{"pipeline":"nonsense"}`, `{}`, `{"pipeline":7}`, `{"pipeline":"flip","width":1}`, `x`} {
		if resp, text := s.call("PUT", "/api/v1/presets/thumb", strings.NewReader(body), "Content-Type", "application/json"); resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", body, resp.StatusCode, text)
		}
	}
	s.want(204, nil, "DELETE", "/api/v1/presets/thumb", nil)
	var stats lab.Stats
	s.want(200, &stats, "GET", "/api/v1/stats", nil)
	var workers struct{ Workers []frontend.Worker }
	s.want(200, &workers, "GET", "/api/v1/workers", nil)
	if len(workers.Workers) != 1 || len(stats.Counts) != 5 {
		t.Errorf("%+v %+v", workers, stats)
	}
}

// What ends before all of an image has come leaves nothing, and a second image
// that is cut leaves the first.
func TestAPICutBodies(t *testing.T) {
	s := serveLab(t)
	picture := string(noise(t, 20, 10))
	part := "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n"
	for name, c := range map[string]struct {
		header, body string
		length, kept int
	}{
		"raw":          {"Content-Type: image/png", picture[:len(picture)/2], len(picture), 0},
		"JSON":         {"Content-Type: application/json", `{"url":"https://exa`, 100, 0},
		"a form":       {"Content-Type: multipart/form-data; boundary=x", part + picture[:len(picture)/2], len(picture) + 200, 0},
		"two in one":   {"Content-Type: multipart/form-data; boundary=x", part + picture + "\r\n" + part + picture[:99], 2*len(picture) + 400, 1},
		"without last": {"Content-Type: multipart/form-data; boundary=x", part + picture, len(picture) + 200, 0},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /api/v1/tasks?fresh=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer public\r\n%s\r\nContent-Length: %d\r\n\r\n%s", c.header, c.length, c.body)
		conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn) // until the frontend is done with it
		conn.Close()
		var page lab.Page
		s.want(200, &page, "GET", "/api/v1/tasks", nil)
		images, err := s.f.Storage.List(t.Context(), storage.InProgress, "", 0)
		if err != nil || len(page.Tasks) != c.kept || len(images.Infos) != c.kept {
			t.Errorf("%s: %d tasks, %d images, %v; answered %s", name, len(page.Tasks), len(images.Infos), err, answer)
		}
		for _, task := range page.Tasks {
			s.want(204, nil, "DELETE", "/api/v1/tasks/"+task.ID, nil)
		}
	}
}
