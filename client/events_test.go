package client_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"minilab/client"
)

// streams sends a part of a stream of events and hangs up.
func streams(text string) http.HandlerFunc {
	return says(http.StatusOK, text, "Content-Type", "text/event-stream")
}

const (
	queued   = "id: 7\nevent: queued\ndata: {\"task\":\"t1\",\"state\":\"not-started\",\"place\":{\"ahead\":3,\"seconds\":1.5}}\n\n"
	progress = ": ping\n\nid: 8\nevent: progress\ndata: {\"task\":\"t1\",\ndata: \"progress\":0.5,\"stage\":\"altering\"}\n\n"
	finished = "id: 9\r\nevent: finished\r\ndata: {\"task\":\"t1\",\"state\":\"finished\"}\r\n\r\n"
	end      = "event: end\ndata: {}\n\n"
)

func TestEventsGoOnAfterTheLast(t *testing.T) {
	l, c := newLiar(t,
		streams(queued+"id: 99\nevent: prog"), // what is cut counts for nothing
		hangUp,
		says(503, `{"code":"stopping"}`),
		streams(progress+"retry: 1000\n\n"),
		streams(finished+end))
	var types []string
	began := time.Now()
	for e, err := range c.Events(t.Context(), client.Watch{Tasks: []string{"t1", "t2"}}) {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, e.ID+" "+e.Type+" "+e.Task)
		if e.Type == "queued" && (e.Place == nil || e.Place.Ahead != 3) || e.Type == "progress" && (e.Stage != "altering" || e.Progress != 0.5) {
			t.Errorf("%+v", e)
		}
	}
	if got := strings.Join(types, ", "); got != "7 queued t1, 8 progress t1, 9 finished t1" {
		t.Errorf("events: %s", got)
	}
	var asked []string
	for _, r := range l.asked {
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		if r.URL.RawQuery != "task=t1&task=t2" {
			t.Errorf("it asked %s", r.URL)
		}
	}
	if got := strings.Join(asked, ","); got != ",7,7,7,8" {
		t.Errorf("Last-Event-ID: %s", got)
	}
	if time.Since(began) < time.Second {
		t.Errorf("it came back after %v, asked to wait for a second", time.Since(began))
	}
}

func TestEventsEndWithWhatIsFinal(t *testing.T) {
	_, c := newLiar(t, streams(queued), says(404, `{"code":"not-found"}`))
	var last error
	n := 0
	for _, err := range c.Events(t.Context(), client.Watch{}) {
		last = err
		n++
	}
	if n != 2 || client.CodeOf(last) != client.CodeNotFound {
		t.Errorf("%d, %v", n, last)
	}
	for name, bad := range map[string]string{
		"no JSON":        "id: 1\nevent: progress\ndata: {\n\n",
		"an endless one": "data: " + strings.Repeat("x", 2<<20),
	} {
		_, c := newLiar(t, streams(bad))
		c, _ = client.New(c.Server, client.WithPatience(300*time.Millisecond))
		last = nil
		for _, err := range c.Events(t.Context(), client.Watch{}) {
			last = err
		}
		if last == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestEventsAfterALongTime: what the lab has forgotten is not asked for for ever.
func TestEventsAfterALongTime(t *testing.T) {
	l, c := newLiar(t, says(410, `{"code":"compacted"}`), streams(finished+end))
	n := 0
	for e, err := range c.Events(t.Context(), client.Watch{Tasks: []string{"t1"}, After: "3"}) {
		if err != nil || e.Type != "finished" {
			t.Errorf("%v, %v", e, err)
		}
		n++
	}
	if n != 1 || l.asked[0].Header.Get("Last-Event-ID") != "3" || l.asked[1].Header.Get("Last-Event-ID") != "" {
		t.Errorf("%d events of %d requests", n, l.requests())
	}
}

// TestEventsCanBeLeft: the connection goes with the loop.
func TestEventsCanBeLeft(t *testing.T) {
	gone := make(chan struct{})
	_, c := newLiar(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, queued)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	})
	for range c.Events(t.Context(), client.Watch{}) {
		break
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the stream is still open")
	}
}
