package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"minilab/internal/trials"
)

// person is an owner with a key of all scopes.
type person struct {
	t    *testing.T
	base string
	key  string
}

// answer is what came of a call.
type answer struct {
	status int
	header http.Header
	body   string
}

// call makes a call; of a stream, which does not end, it gives what came in time.
func (p person) call(method, path string, body []byte, header ...string) answer {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if p.key != "" {
		req.Header.Set("Authorization", "Bearer "+p.key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		defer time.AfterFunc(3*time.Second, cancel).Stop()
	}
	text, _ := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// must is call for what has to succeed; what it answers goes into out.
func (p person) must(status int, out any, method, path string, body []byte, header ...string) answer {
	p.t.Helper()
	a := p.call(method, path, body, header...)
	if a.status != status {
		p.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(a.body), out); err != nil {
			p.t.Fatalf("%s %s: %s: %v", method, path, a.body, err)
		}
	}
	return a
}

type task struct {
	ID    string
	State string
}

// submit has an image made, with two results and a tag.
func (p person) submit(photo []byte, tag string) (made task) {
	p.t.Helper()
	p.must(http.StatusOK, &made, http.MethodPost, "/api/v1/tasks?outputs=one=png|two=flip/png&tag="+tag, photo, "Prefer", "wait=30", "Idempotency-Key", "the-same")
	if made.State != "finished" {
		p.t.Fatalf("the task is %+v", made)
	}
	return made
}

// open begins an upload and gives its path.
func (p person) open() string {
	p.t.Helper()
	a := p.must(http.StatusCreated, nil, http.MethodPost, "/api/v1/uploads/", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "100")
	at := a.header.Get("Location")
	return at[strings.Index(at, "/api/"):]
}

// shared are the resources that belong to the lab and not to an owner.
var shared = []string{"/api/v1/keys", "/api/v1/presets", "/api/v1/operations", "/api/v1/workers"}

func isShared(path string) bool {
	return slices.ContainsFunc(shared, func(s string) bool { return path == s || strings.HasPrefix(path, s+"/") })
}

// TestOwners: by no route of the API, which says itself which there are, does
// one owner meet what is another's.
func TestOwners(t *testing.T) {
	l := start(t, twoFrontends, nil)
	all := []string{"--scope", "submit,read,admin"}
	keyOf := func(owner string) person {
		return person{t, l.URL("frontend"), command(t, l, append([]string{"create", "--owner", owner}, all...)...)}
	}
	alice, bob := keyOf("alice"), keyOf("bob")
	photo := trials.PNG(40, 30, 7)

	// What alice has.
	mine := alice.submit(photo, "alices-tag")
	var hook, delivery struct{ ID, Secret string }
	alice.must(http.StatusCreated, &hook, http.MethodPost, "/api/v1/webhooks", []byte(`{"url":"http://192.0.2.1/alices-hook"}`), "Content-Type", "application/json")
	alice.must(http.StatusAccepted, &delivery, http.MethodPost, "/api/v1/webhooks/"+hook.ID+"/test", nil)
	upload := alice.open()
	hers := []string{mine.ID, "alices-tag", hook.ID, hook.Secret, "alices-hook", delivery.ID}

	doc := described(t, alice)
	checked := 0
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if isShared(path) {
				continue
			}
			checked++
			target, named := names(path, mine.ID, hook.ID, delivery.ID)
			if strings.Contains(target, "{") {
				t.Fatalf("whose is %s?", path)
			}
			switch {
			case named:
				if a := bob.call(method, target, nil); a.status != http.StatusNotFound || !strings.Contains(a.body, `"code":"not-found"`) {
					t.Errorf("%s %s of alice answers bob %d %.300s", method, path, a.status, a.body)
				}
			case method == http.MethodGet:
				a := bob.call(method, target, nil)
				for _, word := range hers {
					if strings.Contains(a.body, word) {
						t.Errorf("%s %s tells bob of %s: %.500s", method, path, word, a.body)
					}
				}
			}
		}
	}
	if checked < 15 {
		t.Errorf("the API has %d resources", checked)
	}
	for _, call := range []string{
		"GET /image/isReady?id=" + mine.ID, "GET /image/get?id=" + mine.ID, "GET /image/get?output=two&id=" + mine.ID,
		"HEAD " + upload, "PATCH " + upload, "DELETE " + upload,
	} {
		method, path, _ := strings.Cut(call, " ")
		if a := bob.call(method, path, nil, "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream"); a.status != http.StatusNotFound {
			t.Errorf("%s answers bob %d %s", call, a.status, a.body)
		}
	}

	// What bob cannot get at by saying so.
	for _, lie := range []string{"/api/v1/tasks?owner=alice", "/api/v1/tasks/" + mine.ID + "?owner=alice"} {
		if a := bob.call(http.MethodGet, lie, nil); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", lie, a.status, a.body)
		}
	}
	if a := bob.call(http.MethodGet, "/image/isReady?owner=alice&id="+mine.ID, nil); a.status == http.StatusOK {
		t.Errorf("isReady with her name: %s", a.body)
	}
	if a := bob.call(http.MethodGet, "/api/v1/tasks?tag=alices-tag", nil); a.status != http.StatusOK || strings.Contains(a.body, mine.ID) {
		t.Errorf("the list of her tag: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/api/v1/events?task=" + mine.ID, "/api/v1/events?tag=alices-tag", "/api/v1/events"} {
		if a := bob.call(http.MethodGet, path, nil, "Last-Event-ID", "1"); strings.Contains(a.body, `"state"`) {
			t.Errorf("%s tells bob %s", path, a.body)
		}
	}
	bob.must(http.StatusOK, nil, http.MethodDelete, "/api/v1/tasks?tag=alices-tag", nil)
	id := upload[strings.LastIndex(upload, "/")+1:]
	if a := bob.call(http.MethodPost, "/api/v1/tasks", fmt.Appendf(nil, `{"upload":%q}`, id), "Content-Type", "application/json"); a.status != http.StatusNotFound {
		t.Errorf("a task of her upload: %d %s", a.status, a.body)
	}
	link := bob.call(http.MethodPost, "/api/v1/links", fmt.Appendf(nil, `{"task":%q}`, mine.ID), "Content-Type", "application/json")
	if link.status < 300 {
		var made struct{ URL string }
		if err := json.Unmarshal([]byte(link.body), &made); err != nil {
			t.Fatal(err)
		}
		if a := (person{t, bob.base, ""}).call(http.MethodGet, made.URL, nil); a.status != http.StatusNotFound {
			t.Errorf("a link of bob's to her task: %d %s", a.status, a.body)
		}
	}

	// The same bytes, wishes and idempotency key give bob a task of his own, and
	// neither loses a thing by what the other deletes.
	his := bob.submit(photo, "bobs-tag")
	if his.ID == mine.ID {
		t.Fatal("bob has alice's task")
	}
	bob.must(http.StatusNoContent, nil, http.MethodDelete, "/api/v1/tasks/"+his.ID, nil)
	for _, path := range []string{"", "/result", "/result/two", "/original"} {
		alice.must(http.StatusOK, nil, http.MethodGet, "/api/v1/tasks/"+mine.ID+path, nil)
	}
	alice.must(http.StatusOK, nil, http.MethodHead, upload, nil, "Tus-Resumable", "1.0.0")
	if a := alice.must(http.StatusOK, nil, http.MethodGet, "/api/v1/webhooks", nil); !strings.Contains(a.body, hook.ID) || strings.Contains(a.body, "disabledAt") {
		t.Errorf("her webhooks: %s", a.body)
	}

	// Another key of hers does.
	again := keyOf("alice")
	again.must(http.StatusOK, nil, http.MethodGet, "/api/v1/tasks/"+mine.ID, nil)
}

// described is the API as it describes itself.
func described(t *testing.T, p person) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(p.must(http.StatusOK, nil, http.MethodGet, "/openapi.yaml", nil).body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// names puts what is alice's into a path, and says whether it has a place for it.
func names(path, task, hook, delivery string) (target string, named bool) {
	id := task
	switch {
	case strings.HasPrefix(path, "/api/v1/webhooks/deliveries/"):
		id = delivery
	case strings.HasPrefix(path, "/api/v1/webhooks/"):
		id = hook
	}
	target = strings.NewReplacer("{id}", id, "{output}", "two").Replace(path)
	return target, target != path
}
