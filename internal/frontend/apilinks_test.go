package frontend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"minilab/internal/auth"
	"minilab/internal/frontend"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/preset"
	"minilab/internal/problem"
)

// linkLab is a lab with real keys and links.
type linkLab struct {
	*service
	store kv.Store
	keys  *auth.Keys
}

func serveLinks(t *testing.T) *linkLab {
	t.Helper()
	l := &linkLab{}
	l.service = serveLab(t, func(c *frontend.Config) {
		l.store = c.Presets.(preset.Shelf).Store
		l.keys = auth.NewKeys(l.store)
		links := auth.NewLinks(l.store, l.keys)
		c.Keys, c.Links = l.keys, links
		for _, follow := range []func(context.Context, *slog.Logger){l.keys.Follow, links.Follow} {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); follow(ctx, slog.New(slog.DiscardHandler)) }()
			t.Cleanup(func() { cancel(); <-done })
		}
	})
	l.owner, _ = l.key("shop", auth.Scopes...)
	return l
}

// key makes a key.
func (l *linkLab) key(owner string, scopes ...auth.Scope) (text, id string) {
	l.t.Helper()
	text, made, err := auth.Ring{Store: l.store}.Create(l.t.Context(), auth.Key{Owner: owner, Scopes: scopes}, time.Now())
	if err != nil {
		l.t.Fatal(err)
	}
	return text, made.ID
}

// link makes a link and gives its URL below the server's.
func (l *linkLab) link(wish string) string {
	l.t.Helper()
	var out struct {
		URL       string
		ExpiresAt time.Time
	}
	l.want(http.StatusCreated, &out, "POST", "/api/v1/links", strings.NewReader(wish), "Content-Type", "application/json")
	if left := time.Until(out.ExpiresAt); left > auth.MaxLink || !strings.HasPrefix(out.URL, "/api/v1/tasks") {
		l.t.Fatalf("%+v", out)
	}
	return out.URL
}

// use shows a link, and no key.
func (l *linkLab) use(method, url string, body io.Reader, header ...string) (status int, code string, text []byte) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, l.url+url, body)
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := l.client.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		l.t.Fatal(err)
	}
	var p problem.Problem
	if resp.Header.Get("Content-Type") == problem.ContentType && json.Unmarshal(text, &p) != nil {
		l.t.Fatalf("%s is no problem", text)
	}
	return resp.StatusCode, p.Code, text
}

// await shows a link until it is refused so.
func (l *linkLab) await(url, code string) {
	l.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(20 * time.Second); ; <-again.C {
		_, got, _ := l.use("GET", url, nil)
		if got == code {
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("%q, want %s", got, code)
		}
	}
}

func TestLinksForDownloads(t *testing.T) {
	l := serveLinks(t)
	picture := noise(t, 20, 10)
	task := l.submit(picture, "outputs=a=flip|b=swap/webp")
	early := l.link(`{"task":"` + task.ID + `","output":"b"}`)
	if status, code, _ := l.use("GET", early, nil); status != http.StatusConflict || code != lab.ErrNotFinished.Code {
		t.Errorf("before the end: %d %s", status, code)
	}
	l.work()
	for wish, want := range map[string][]byte{`"output":"b"`: reversed(picture), `"download":true`: reversed(picture), `"original":true,"expires":"30d"`: picture} {
		url := l.link(`{"task":"` + task.ID + `",` + wish + `}`)
		if status, _, got := l.use("GET", url, nil); status != http.StatusOK || !bytes.Equal(got, want) {
			t.Errorf("%s: %d, %d bytes", wish, status, len(got))
		}
		if status, _, got := l.use("GET", url, nil, "Range", "bytes=2-4"); status != http.StatusPartialContent || !bytes.Equal(got, want[2:5]) {
			t.Errorf("%s: a part: %d %q", wish, status, got)
		}
		if status, _, _ := l.use("HEAD", url, nil); status != http.StatusOK {
			t.Errorf("%s: HEAD: %d", wish, status)
		}
		for what, other := range map[string]string{
			"another task's": strings.Replace(url, task.ID, "0198f3c2-7d1a-7000-8000-000000000000", 1),
			"the task":       strings.Replace(strings.Replace(url, "/result/b", "", 1), "/original", "", 1) + "&x=1",
			"a parameter":    url + "&download=false",
		} {
			if status, code, _ := l.use("GET", other, nil); status != http.StatusUnauthorized || code != auth.ErrUnauthorized.Code {
				t.Errorf("%s: %s: %d %s", wish, what, status, code)
			}
		}
		if status, _, _ := l.use("DELETE", url, nil); status != http.StatusUnauthorized {
			t.Errorf("%s: DELETE: %d", wish, status)
		}
	}
}

func reversed(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range b {
		out[len(b)-1-i] = c
	}
	return out
}

func TestLinksForUploads(t *testing.T) {
	l := serveLinks(t)
	picture, other := noise(t, 20, 10), noise(t, 10, 20)
	url := l.link(`{"upload":{"pipeline":[{"op":"flip"}],"tags":["web"],"priority":-1,"maxBytes":5000},"expires":"15m"}`)
	var ids []string
	for range 2 {
		status, _, text := l.use("POST", url, bytes.NewReader(picture), "Content-Type", "image/png", "Idempotency-Key", "mine")
		var task lab.Task
		if err := json.Unmarshal(text, &task); err != nil || status != http.StatusAccepted || task.Pipeline != "flip" || task.Priority != -1 || len(task.Tags) != 1 {
			t.Fatalf("%d %s %v", status, text, err)
		}
		ids = append(ids, task.ID)
	}
	if ids[0] != ids[1] {
		t.Errorf("the same image twice: %s", ids)
	}
	form := "multipart/form-data; boundary=x"
	for what, c := range map[string]struct {
		method, url, body, media string
		status                   int
		code                     string
	}{
		"another image":      {"POST", url, string(other), "image/png", 422, lab.ErrIdempotency.Code},
		"a form":             {"POST", url, "--x\r\n\r\n--x--", form, 403, auth.ErrLinkBody.Code},
		"JSON":               {"POST", url, `{"url":"http://example.org"}`, "application/json", 403, auth.ErrLinkBody.Code},
		"too large an image": {"POST", url, strings.Repeat("x", 5001), "image/png", 413, "too-large"},
		"another pipeline":   {"POST", strings.Replace(url, "flip", "swap", 1), string(picture), "image/png", 401, auth.ErrUnauthorized.Code},
		"another wish":       {"POST", url + "&fresh=true", string(picture), "image/png", 401, auth.ErrUnauthorized.Code},
		"a list of tasks":    {"GET", url, "", "", 401, auth.ErrUnauthorized.Code},
		"the simple path":    {"POST", strings.Replace(url, "/api/v1/tasks", "/newImage", 1), string(picture), "image/png", 401, auth.ErrUnauthorized.Code},
	} {
		if status, code, text := l.use(c.method, c.url, strings.NewReader(c.body), "Content-Type", c.media); status != c.status || code != c.code {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	if status, _, text := l.use("POST", url, onlyReader{strings.NewReader(strings.Repeat("x", 5001))}, "Content-Type", "image/png"); status != 413 && status != 415 {
		t.Errorf("too large and not announced: %d %s", status, text)
	}
	var page lab.Page
	if l.want(http.StatusOK, &page, "GET", "/api/v1/tasks", nil); len(page.Tasks) != 1 {
		t.Errorf("%d tasks", len(page.Tasks))
	}
}

// onlyReader hides how long a body is.
type onlyReader struct{ io.Reader }

func TestLinksThatCannotBe(t *testing.T) {
	l := serveLinks(t)
	task := l.submit(noise(t, 20, 10), "outputs=a=flip")
	ours := `"task":"` + task.ID + `"`
	all := l.owner
	bakery, _ := l.key("bakery", auth.Scopes...)
	reads, _ := l.key("shop", auth.Read)
	submits, _ := l.key("shop", auth.Submit)
	admin, _ := l.key("shop", auth.Admin)
	for _, c := range []struct {
		key, wish string
		status    int
		code      string
	}{
		{all, `{}`, 400, "invalid-link"},
		{all, `{` + ours + `,"upload":{}}`, 400, "invalid-link"},
		{all, `{"output":"a"}`, 400, "invalid-link"},
		{all, `{"original":true,"upload":{}}`, 400, "invalid-link"},
		{all, `{` + ours + `,"output":"a","original":true}`, 400, "invalid-link"},
		{all, `{` + ours + `,"output":"b"}`, 404, "unknown-output"},
		{all, `{` + ours + `,"expires":"31d"}`, 400, "invalid-link"},
		{all, `{` + ours + `,"expires":"720h1s"}`, 400, "invalid-link"},
		{all, `{` + ours + `,"expires":"0s"}`, 400, "invalid-link"},
		{all, `{` + ours + `,"expires":"-1h"}`, 400, "invalid-link"},
		{all, `{` + ours + `,"expires":"soon"}`, 400, "invalid-link"},
		{all, `{` + ours + `,"expires":3600}`, 400, "invalid-json"},
		{all, `{` + ours + `,"width":1}`, 400, "invalid-json"},
		{all, `[]`, 400, "invalid-json"},
		{all, `{"task":"unknown"}`, 404, "not-found"},
		{all, `{"task":"../keys"}`, 404, "not-found"},
		{all, `{"upload":{"pipeline":"nonsense"}}`, 400, "invalid-pipeline"},
		{all, `{"upload":{"keep":"soon"}}`, 400, "invalid-keep"},
		{all, `{"upload":{"priority":1}}`, 400, "invalid-link"},
		{all, `{"upload":{"priority":10}}`, 400, "invalid-json"},
		{all, `{"upload":{"maxBytes":0}}`, 400, "invalid-json"},
		{all, `{"upload":{"url":"http://example.org"}}`, 400, "invalid-json"},
		{all, `{"upload":{"preset":"a","pipeline":"flip"}}`, 400, "invalid-submission"},
		{all, `{"upload":{"callback":"ftp://x"}}`, 400, "invalid-submission"},
		{bakery, `{` + ours + `}`, 404, "not-found"},
		{reads, `{"upload":{}}`, 403, "forbidden"},
		{submits, `{` + ours + `}`, 403, "forbidden"},
		{admin, `{` + ours + `}`, 403, "forbidden"},
		{admin, `{"upload":{}}`, 403, "forbidden"},
	} {
		l.owner = c.key
		l.refuses(c.status, c.code, "POST", "/api/v1/links", strings.NewReader(c.wish), "Content-Type", "application/json")
	}
	l.owner = reads
	l.link(`{` + ours + `}`)
	l.refuses(403, "forbidden", "POST", "/api/v1/links/rotation", strings.NewReader(`{}`), "Content-Type", "application/json")
	l.owner = submits
	l.link(`{"upload":{}}`)
}

func TestLinksEnd(t *testing.T) {
	l := serveLinks(t)
	task := l.submit(noise(t, 20, 10), "")
	l.work()
	wish := `{"task":"` + task.ID + `","original":true}`
	first := l.owner
	second, id := l.key("shop", auth.Read)
	l.owner = second
	revoked := l.link(wish)
	l.owner = first
	l.link(`{"task":"` + task.ID + `","expires":"1s"}`) // the shortest there is
	short, good, forgotten := l.link(`{"task":"`+task.ID+`","expires":"2s"}`), l.link(wish), l.link(wish)
	if status, _, text := l.use("GET", revoked, nil); status != http.StatusOK {
		t.Errorf("before its key goes: %d %s", status, text)
	}
	if err := (auth.Ring{Store: l.store}).Revoke(t.Context(), id); err != nil && !errors.Is(err, auth.ErrNoKey) {
		t.Fatal(err)
	}
	l.await(revoked, auth.ErrUnauthorized.Code)
	l.await(short, auth.ErrLinkExpired.Code)
	l.want(http.StatusNoContent, nil, "POST", "/api/v1/links/rotation", strings.NewReader(`{}`), "Content-Type", "application/json")
	if status, _, text := l.use("GET", good, nil); status != http.StatusOK {
		t.Errorf("after a rotation: %d %s", status, text)
	}
	l.want(http.StatusNoContent, nil, "POST", "/api/v1/links/rotation", strings.NewReader(`{"forget":true}`), "Content-Type", "application/json")
	l.await(forgotten, auth.ErrUnauthorized.Code)
	gone := l.link(wish)
	l.want(http.StatusNoContent, nil, "DELETE", "/api/v1/tasks/"+task.ID, nil)
	if status, code, _ := l.use("GET", gone, nil); status != http.StatusNotFound || code != lab.ErrNotFound.Code {
		t.Errorf("of a task that was deleted: %d %s", status, code)
	}
}
