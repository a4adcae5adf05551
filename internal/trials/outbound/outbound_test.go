// Package outbound tries labs of processes that fetch images for strangers, and
// that let strangers in by links.
package outbound

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"minilab/internal/trials"
)

// twoFrontends is a lab whose customers come to either of two.
var twoFrontends = trials.Topology{"kv", "taskdb", "storage", "master", "worker", "frontend", "frontend.2"}

// allowed is where the sources of the trials are; the lab itself is elsewhere.
const allowed = "127.0.0.2"

func start(t *testing.T) *trials.Lab {
	t.Helper()
	l, err := trials.New("../../..", t.TempDir(), twoFrontends, "--allow-networks", allowed, "--max-bytes", "1MiB")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if logs := l.KillAll(); t.Failed() {
			t.Log(logs)
		}
	})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// answer is what a frontend says.
type answer struct {
	status int
	body   []byte
	State  string
	ID     string
	Code   string
	Detail string
	URL    string
}

func call(t *testing.T, method, url string, body []byte, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		t.Error(err)
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(a.body, &a); err != nil {
			t.Errorf("%s: %v", a.body, err)
		}
	}
	return a
}

func submit(t *testing.T, frontend, source string) answer {
	t.Helper()
	return call(t, http.MethodPost, frontend+"/api/v1/tasks?fresh=true", fmt.Appendf(nil, `{"url":%q,"pipeline":"png"}`, source), "Content-Type", "application/json", "Prefer", "wait=30")
}

func TestImagesByURL(t *testing.T) {
	l := start(t)
	photo := trials.PNG(60, 40, 7)
	inside := []string{l.URL("kv") + "/kv/?prefix=services/", l.URL("storage") + "/images/finished/", l.URL("frontend") + "/readyz"}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", allowed+":0")
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/photo":
			_, _ = w.Write(photo)
		case "/cut":
			w.Header().Set("Content-Length", fmt.Sprint(len(photo)))
			_, _ = w.Write(photo[:len(photo)-1])
		case "/endless":
			for _, err := w.Write(photo); err == nil; {
				_, err = w.Write(photo)
			}
		case "/page":
			_, _ = io.WriteString(w, "<html>no image</html>")
		case "/to":
			http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	site.Listener.Close()
	site.Listener = listener
	site.Start()
	defer site.Close()

	for _, frontend := range l.URLs("frontend") {
		for range 3 {
			a := submit(t, frontend, site.URL+"/to?to=/photo")
			if a.status != http.StatusOK || a.State != "finished" {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if o := call(t, http.MethodGet, frontend+"/api/v1/tasks/"+a.ID+"/original", nil); !bytes.Equal(o.body, photo) {
				t.Errorf("the original has %d bytes, not %d", len(o.body), len(photo))
			}
			call(t, http.MethodDelete, frontend+"/api/v1/tasks/"+a.ID, nil)
		}
		refused := map[string]string{
			site.URL + "/none": "422 source-refused", site.URL + "/cut": "422 source-cut", site.URL + "/endless": "413 source-too-large", site.URL + "/page": "415 not-an-image",
			"http://169.254.169.254/latest/meta-data/": "422 forbidden-address", "http://[::1]:1/": "422 forbidden-address",
		}
		for _, url := range inside {
			refused[url], refused[site.URL+"/to?to="+url] = "422 forbidden-address", "422 forbidden-address"
		}
		for url, want := range refused {
			a := submit(t, frontend, url)
			if got := fmt.Sprint(a.status, " ", a.Code); got != want || strings.Contains(a.Detail, "127.0.0") {
				t.Errorf("%s: %s, want %s: %s", url, got, want, a.Detail)
			}
		}
	}
	if a := call(t, http.MethodGet, l.URL("frontend")+"/api/v1/tasks", nil); string(bytes.TrimSpace(a.body)) != `{"tasks":[]}` {
		t.Errorf("tasks are left: %s", a.body)
	}
	for _, state := range []string{"inProgress", "finished"} {
		if a := call(t, http.MethodGet, l.URL("storage")+"/images/"+state+"/", nil); bytes.Contains(a.body, []byte(`"key"`)) || a.status != http.StatusOK {
			t.Errorf("images are left: %d %s", a.status, a.body)
		}
	}
}

// TestLinksAreGoodOnEveryFrontend: made by one frontend, and shown to another,
// which has never heard of them, at once.
func TestLinksAreGoodOnEveryFrontend(t *testing.T) {
	l := start(t)
	cmd := exec.CommandContext(t.Context(), l.Bin, "keys", "create", "--owner", "shop", "--scope", "submit,read")
	cmd.Env = append(l.Env, "MINILAB_KV="+l.URL("kv"))
	key, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	bearer := []string{"Content-Type", "application/json", "Authorization", "Bearer " + strings.TrimSpace(string(key))}
	ends := l.URLs("frontend")
	link := func(wish string) string {
		a := call(t, http.MethodPost, ends[0]+"/api/v1/links", []byte(wish), bearer...)
		if a.status != http.StatusCreated {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return a.URL
	}

	// Of many uploads by one link, through both frontends at once, one counts.
	photos := [][]byte{trials.PNG(60, 40, 1), trials.PNG(60, 40, 2), trials.PNG(60, 40, 3)}
	url := link(`{"upload":{"pipeline":"png"}}`)
	answers := make([]answer, 12)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = call(t, http.MethodPost, ends[i%2]+url, photos[i%3], "Content-Type", "image/png", "Prefer", "wait=30")
		})
	}
	all.Wait()
	taken, id, winner := map[string]int{}, "", -1
	for i, a := range answers {
		switch a.status {
		case http.StatusOK, http.StatusAccepted:
			taken[a.ID]++
			id = a.ID
			if winner >= 0 && winner != i%3 {
				t.Errorf("two images are taken: %d and %d", winner, i%3)
			}
			winner = i % 3
		case http.StatusUnprocessableEntity:
			if a.Code != "idempotency-mismatch" {
				t.Errorf("%s", a.body)
			}
		default:
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if len(taken) != 1 || taken[id] != 4 {
		t.Fatalf("taken: %v", taken)
	}

	url = link(fmt.Sprintf(`{"task":%q,"original":true}`, id))
	for _, end := range ends {
		if a := call(t, http.MethodGet, end+url, nil); a.status != http.StatusOK || !bytes.Equal(a.body, photos[winner]) {
			t.Errorf("%s: %d", end, a.status)
		}
		if a := call(t, http.MethodGet, end+"/api/v1/tasks/"+id+"/original", nil); a.status != http.StatusUnauthorized {
			t.Errorf("%s, without the link: %d", end, a.status)
		}
	}
}
