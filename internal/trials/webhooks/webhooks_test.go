// Package webhooks tries webhooks of whole labs: what receivers are told by
// labs of one process and of many, and of masters that are killed while they
// tell it.
package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"minilab/internal/trials"
)

// patience is how long anything may take: a dead master's deliveries are held
// for a minute, and failed attempts are repeated after 5 and 35 seconds.
const patience = 170 * time.Second

type lab struct {
	*testing.T
	*trials.Lab
}

func start(t *testing.T, topology trials.Topology) lab {
	t.Helper()
	l, err := trials.New("../../..", t.TempDir(), topology, "--allow-networks", "127.0.0.0/8")
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
	return lab{t, l}
}

// call asks the API for JSON.
func (l lab) call(method, path string, body, answer any) {
	l.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		l.Fatal(err)
	}
	req, err := http.NewRequestWithContext(l.Context(), method, l.URL("frontend")+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		l.Fatal(err)
	}
	if body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.Fatal(err)
	}
	defer resp.Body.Close()
	got, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 || json.Unmarshal(got, answer) != nil {
		l.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, got)
	}
}

// submit hands an image in and gives its task.
func (l lab) submit(seed uint8, callback string) (id string, err error) {
	resp, err := http.Post(l.URL("frontend")+"/api/v1/tasks?callback="+url.QueryEscape(callback), "image/png", bytes.NewReader(trials.PNG(32, 24, seed)))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var task struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&task); err != nil || resp.StatusCode >= 300 {
		return "", fmt.Errorf("%s, %w", resp.Status, err)
	}
	return task.ID, nil
}

func (l lab) secret() string {
	l.Helper()
	var answer struct{ Secret string }
	l.call(http.MethodGet, "/webhooks/callback-secret", nil, &answer)
	return answer.Secret
}

// message is what a receiver was sent.
type message struct {
	id     string
	header http.Header
	body   []byte
	Type   string
	Data   struct {
		ID, State, Webhook string
		Outputs            []struct{ URL, SHA256 string }
	}
}

// receiver keeps what comes, and takes what judge lets it.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	list []message
}

func receive(t *testing.T, judge func(id string) int) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		m := message{id: req.Header.Get("webhook-id"), header: req.Header}
		m.body, _ = io.ReadAll(req.Body)
		if err := json.Unmarshal(m.body, &m); err != nil {
			t.Errorf("%s: %v", m.body, err)
		}
		r.mu.Lock()
		r.list = append(r.list, m)
		r.mu.Unlock()
		w.WriteHeader(judge(m.id))
	}))
	t.Cleanup(r.Close)
	return r
}

func takeAll(string) int { return http.StatusNoContent }

func (r *receiver) got() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message{}, r.list...)
}

// await waits for n messages and gives them.
func (l lab) await(r *receiver, n int) []message {
	l.Helper()
	l.until(fmt.Sprint(n, " messages"), func() bool { return len(r.got()) >= n })
	return r.got()
}

func (l lab) until(what string, is func() bool) {
	l.Helper()
	for end := time.Now().Add(patience); !is(); {
		if time.Now().After(end) {
			l.Fatalf("in vain waited for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (l lab) verify(m message, secret string) {
	l.Helper()
	key, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		l.Fatal(err)
	}
	if err := key.Verify(m.body, m.header); err != nil {
		l.Errorf("%s: %v", m.body, err)
	}
}

func TestToldByEveryTopology(t *testing.T) {
	for name, topology := range map[string]trials.Topology{"up": trials.OneProcess, "six": trials.SixProcesses} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, hook, callback := start(t, topology), receive(t, takeAll), receive(t, takeAll)
			var made struct{ ID, Secret string }
			l.call(http.MethodPost, "/webhooks", map[string]any{"url": hook.URL, "types": []string{"task.finished"}}, &made)
			var ping struct{ ID string }
			l.call(http.MethodPost, "/webhooks/"+made.ID+"/test", nil, &ping)
			m := l.await(hook, 1)[0]
			if l.verify(m, made.Secret); m.Type != "webhook.test" || m.id != ping.ID || m.Data.Webhook != made.ID {
				t.Errorf("the test is %s", m.body)
			}
			id, err := l.submit(1, callback.URL)
			if err != nil {
				t.Fatal(err)
			}
			told := l.await(hook, 2)[1]
			l.verify(told, made.Secret)
			called := l.await(callback, 1)[0]
			l.verify(called, l.secret())
			for _, m := range []message{told, called} {
				if m.Type != "task.finished" || m.Data.ID != id || m.Data.State != "finished" || len(m.Data.Outputs) != 1 {
					t.Fatalf("told %s", m.body)
				}
			}
			resp, err := http.Get(l.URL("frontend") + told.Data.Outputs[0].URL)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") != `"`+told.Data.Outputs[0].SHA256+`"` {
				t.Errorf("the result: %s, %s", resp.Status, resp.Header.Get("ETag"))
			}
			l.call(http.MethodPost, "/webhooks/deliveries/"+called.id+"/redeliver", nil, &ping)
			if again := l.await(callback, 2)[1]; again.id != called.id || string(again.body) != string(called.body) {
				t.Errorf("again %s %s", again.id, again.body)
			}
			if err := l.Stop(); err != nil {
				t.Errorf("stopping: %v", err)
			}
		})
	}
}

// TestKilledWhileTelling kills masters and the task database again and again
// while tasks end, and the receiver refuses a part of what comes. Every end is
// told in the end, each under one ID.
func TestKilledWhileTelling(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	l := start(t, trials.Pairs)
	var mu sync.Mutex
	refused := map[string]bool{} // each once: the third attempt is soon, the fourth is not
	r := receive(t, func(id string) int {
		mu.Lock()
		defer mu.Unlock()
		if !refused[id] && chance.IntN(4) == 0 {
			refused[id] = true
			return http.StatusServiceUnavailable
		}
		return http.StatusNoContent
	})
	const rounds, each = 5, 8
	ids := map[string]bool{}
	for round := range rounds {
		for i := range each {
			id, err := l.submit(uint8(round*each+i), r.URL)
			if err != nil {
				t.Fatal(err)
			}
			ids[id] = true
		}
		l.until("some of them", func() bool { return len(r.got()) > round*each })
		l.Kill([]string{"master", "master.2", "taskdb"}[round%3])
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var left int
	pending := func() int {
		var page struct{ Deliveries []struct{ State string } }
		l.call(http.MethodGet, "/webhooks/deliveries?limit=100", nil, &page)
		if len(page.Deliveries) > len(ids) {
			t.Fatalf("%d deliveries of %d ends", len(page.Deliveries), len(ids))
		}
		left = len(ids) - len(page.Deliveries)
		for _, d := range page.Deliveries {
			if d.State != "delivered" {
				left++
			}
		}
		return left
	}
	l.until("all deliveries", func() bool { return pending() == 0 })
	secret, times := l.secret(), map[string]map[string]int{}
	for _, m := range r.got() {
		l.verify(m, secret)
		if times[m.Data.ID] == nil {
			times[m.Data.ID] = map[string]int{}
		}
		times[m.Data.ID][m.id]++
	}
	for id := range ids {
		if len(times[id]) != 1 {
			t.Errorf("task %s was told as %v", id, times[id])
		}
	}
	t.Logf("%d ends, %d messages, %d kills", len(ids), len(r.got()), rounds)
}
