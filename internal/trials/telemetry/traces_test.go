package telemetry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/trials"
)

const patience = 2 * time.Minute

// start starts a lab, whose log is told if the test fails.
func start(t *testing.T, topology trials.Topology, env ...string) *trials.Lab {
	t.Helper()
	l, err := trials.New("../../..", t.TempDir(), topology)
	if err != nil {
		t.Fatal(err)
	}
	l.Env = append(l.Env, env...)
	l.Prepare = func(name string, cmd *exec.Cmd) {
		if name == "worker" { // whose metrics are not served unless it is told where
			cmd.Env = append(cmd.Env, "MINILAB_LISTEN=worker=127.0.0.1:0")
		}
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

// call makes a request with a traceparent and gives the answer's body.
func call(ctx context.Context, t *testing.T, method, url, traceparent string, body []byte) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if traceparent != "" {
		req.Header.Set("Traceparent", traceparent)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, got
}

func traceparent(trace string) string { return "00-" + trace + "-00f067aa0ba902b7-01" }

const (
	handingIn = "4bf92f3577b34da6a3ce929d0e0e4736"
	pickingUp = "0af7651916cd43dd8448eb211c80319c"
)

// pictures counts those that were handed in: no two are alike, or the results of
// one would be the other's.
var pictures atomic.Uint32

// handIn hands a picture in by a request of that trace, and waits for its end by
// requests of none.
func handIn(ctx context.Context, t *testing.T, l *trials.Lab, traceparent string) (id string) {
	t.Helper()
	status, body := call(ctx, t, http.MethodPost, l.URL("frontend")+"/newImage", traceparent, trials.PNG(64, 48, uint8(pictures.Add(1))))
	if _, err := fmt.Sscanf(string(body), `{"id":%q`, &id); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	s, err := trials.Customer{Base: l.URL("frontend"), HTTP: http.DefaultClient}.Await(ctx, id)
	if err != nil || s.Status != "finished" {
		t.Fatalf("%+v, %v", s, err)
	}
	return id
}

// TestOneTraceFromUploadToResult: what six processes do for one image is one
// trace, which the download of its result links to.
func TestOneTraceFromUploadToResult(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := newReceiver(t)
	l := start(t, trials.SixProcesses, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL)
	id := handIn(ctx, t, l, traceparent(handingIn))
	if status, body := call(ctx, t, http.MethodGet, l.URL("frontend")+"/image/get?id="+id, traceparent(pickingUp), nil); status != http.StatusOK || len(body) == 0 {
		t.Fatalf("%d %s", status, body)
	}
	if err := l.Stop(); err != nil { // which sends what is left
		t.Fatal(err)
	}
	spans := r.of(handingIn)
	for _, want := range []string{
		"minilab-frontend POST /newImage", "minilab-frontend POST master",
		"minilab-master POST /tasks", "minilab-master PUT storage", "minilab-storage PUT /images/{state}/*",
		"minilab-master POST taskdb", "minilab-taskdb POST /tasks/{id}",
		"minilab-master queue",
		"minilab-worker attempt", "minilab-worker fetch", "minilab-worker wait", "minilab-worker engine", "minilab-worker store",
		"minilab-worker GET storage", "minilab-storage GET /images/{state}/*",
		"minilab-worker POST master", "minilab-master POST /workFinished", "minilab-taskdb POST /finishes",
	} {
		if !slices.ContainsFunc(spans, func(s span) bool { return s.service+" "+s.name == want }) {
			t.Errorf("there is no span %s", want)
		}
	}
	whole(t, spans, "00f067aa0ba902b7")
	linked(t, r.of(pickingUp))
	for _, s := range r.of("") {
		if strings.HasSuffix(s.name, "/getWork") || strings.HasSuffix(s.name, "/heartbeat") || strings.HasSuffix(s.name, "/events") {
			t.Errorf("there is a span of what goes on by itself: %+v", s)
		}
		if s.failed && !strings.Contains(s.name, "isReady") {
			t.Errorf("a span failed: %+v", s)
		}
	}
	if t.Failed() {
		for _, s := range spans {
			t.Logf("%s %s", s.service, s.name)
		}
	}
}

// whole: every span has its parent in the trace, up to the customer's, and lies
// in a time that makes sense.
func whole(t *testing.T, spans []span, customers string) {
	t.Helper()
	for _, s := range spans {
		if s.parent != customers && !slices.ContainsFunc(spans, func(p span) bool { return p.id == s.parent }) {
			t.Errorf("the parent of %s %s is in no process", s.service, s.name)
		}
		if s.to < s.from || time.Duration(s.to-s.from) > patience {
			t.Errorf("%s %s goes from %d to %d", s.service, s.name, s.from, s.to)
		}
	}
}

func linked(t *testing.T, spans []span) {
	t.Helper()
	if !slices.ContainsFunc(spans, func(s span) bool { return s.service == "minilab-master" && slices.Contains(s.links, handingIn) }) {
		t.Errorf("picking the result up is not linked to its making: %+v", spans)
	}
	if !slices.ContainsFunc(spans, func(s span) bool { return s.service == "minilab-storage" }) {
		t.Errorf("the storage is not in the trace of picking up: %+v", spans)
	}
}

// TestOneProcessTracesToo: without a call between services there are the
// request and the stages, told as those of the services that they are of.
func TestOneProcessTracesToo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := newReceiver(t)
	l := start(t, trials.OneProcess, "MINILAB_OTLP_ENDPOINT="+r.URL)
	handIn(ctx, t, l, traceparent(handingIn))
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range r.of(handingIn) {
		got = append(got, s.service+" "+s.name)
	}
	slices.Sort(got)
	want := []string{
		"minilab-frontend POST /newImage", "minilab-master queue", "minilab-worker attempt",
		"minilab-worker engine", "minilab-worker fetch", "minilab-worker store", "minilab-worker wait",
	}
	if !slices.Equal(got, want) {
		t.Errorf("spans are %q", got)
	}
}

// TestAReceiverThatIsAway costs nothing but one line in each log.
func TestAReceiverThatIsAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	gone := newReceiver(t)
	gone.Close()
	l := start(t, trials.SixProcesses, "OTEL_EXPORTER_OTLP_ENDPOINT="+gone.URL, "OTEL_BSP_SCHEDULE_DELAY=50")
	for range 5 {
		handIn(ctx, t, l, "")
	}
	warned := func(p *trials.Process) int { return strings.Count(p.Log(), "traces cannot be sent") }
	until(ctx, t, func() bool { return warned(l.Process("frontend")) > 0 && warned(l.Process("worker")) > 0 })
	handIn(ctx, t, l, "")
	processes := l.Processes()
	began := time.Now()
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for _, p := range processes {
		if n := warned(p); n > 1 || strings.Contains(p.Log(), "level=ERROR") {
			t.Errorf("%s has warned %d times:\n%s", p.Name, n, p.Log())
		}
	}
}

// until polls for something that no event tells of.
func until(ctx context.Context, t *testing.T, true func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !true() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("it does not come to be")
		}
	}
}
