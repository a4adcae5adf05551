package batch_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/client"
)

// fakeLab does the work at once: a result is its pipeline, its output's name
// and the image. What begins with "broken" fails, what begins with "no image" is
// refused. A key makes one task.
type fakeLab struct {
	mu     sync.Mutex
	tasks  map[string]client.Task
	bytes  map[string][]byte // results, by path
	keys   map[string]string // tasks, by key
	counts map[string]int    // submissions of an image
	// ahead answers in the lab's place when it says so.
	ahead func(w http.ResponseWriter, r *http.Request) bool
	after func() bool // true: the answer is lost; under the lock
}

func newFakeLab(t *testing.T) (*fakeLab, *client.Client) {
	t.Helper()
	l := &fakeLab{tasks: map[string]client.Task{}, bytes: map[string][]byte{}, keys: map[string]string{}, counts: map[string]int{}}
	s := httptest.NewServer(l)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.WithPatience(3*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

// ServeHTTP implements http.Handler.
func (l *fakeLab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if l.ahead != nil && l.ahead(w, r) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/api/v1/")
	parts := strings.Split(path, "/")
	switch {
	case r.Method == http.MethodPost && path == "tasks":
		l.submit(w, r, body)
	case len(parts) == 2 && l.tasks[parts[1]].ID != "":
		reply(w, 200, l.tasks[parts[1]])
	case len(parts) > 2 && l.bytes[path] != nil:
		serve(w, r, l.bytes[path])
	default:
		reply(w, 404, map[string]any{"code": "not-found", "title": "not found"})
	}
	if l.after != nil && l.after() {
		panic(http.ErrAbortHandler)
	}
}

func (l *fakeLab) submit(w http.ResponseWriter, r *http.Request, body []byte) {
	if bytes.HasPrefix(body, []byte("no image")) {
		reply(w, 415, map[string]any{"code": "not-an-image", "title": "it is no image"})
		return
	}
	key := r.Header.Get("Idempotency-Key")
	id := l.keys[key]
	if id == "" {
		id = fmt.Sprintf("t%d", len(l.tasks))
		l.keys[key] = id
		l.counts[string(body)]++
		l.work(id, r.URL.Query().Get("pipeline"), r.URL.Query().Get("outputs"), body)
	}
	reply(w, 202, map[string]any{"id": id, "state": "not-started"})
}

func (l *fakeLab) work(id, pipeline, outputs string, body []byte) {
	t := client.Task{ID: id, State: client.Finished, Source: &client.Content{SHA256: sum(body), Size: int64(len(body))}}
	if bytes.HasPrefix(body, []byte("broken")) {
		t.State, t.Error = client.Failed, &client.Failure{Code: "broken-image", Detail: "it is broken"}
	}
	kind := "image/webp"
	if strings.HasPrefix(pipeline, "as") {
		kind = "image/" + strings.TrimPrefix(pipeline, "as ")
	}
	for name := range strings.SplitSeq(outputs, "|") {
		name, _, _ = strings.Cut(name, "=")
		result := made(pipeline, name, body)
		t.Outputs = append(t.Outputs, client.Output{Name: name, ContentType: kind, Size: int64(len(result)), SHA256: sum(result)})
		l.bytes[strings.TrimSuffix("tasks/"+id+"/result/"+name, "/")] = result
	}
	l.tasks[id] = t
}

func made(pipeline, output string, body []byte) []byte {
	return fmt.Appendf(nil, "%s|%s|%s", pipeline, output, body)
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func serve(w http.ResponseWriter, r *http.Request, data []byte) {
	s := sha256.Sum256(data)
	w.Header().Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(s[:])+":")
	w.Header().Set("ETag", `"`+sum(data)+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func reply(w http.ResponseWriter, status int, v any) {
	if status >= 400 {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
