package frontend_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"minilab/internal/frontend/live"
	"minilab/internal/lab"
)

// told is an event as a reader gets it.
type told struct {
	id, name string
	live.Event
}

// watched is an open stream.
type watched struct {
	t     *testing.T
	resp  *http.Response
	lines *bufio.Scanner
	last  string // id
	stop  context.CancelFunc
}

// watch opens a stream.
func (s *service) watch(q url.Values, last string) *watched {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/events?"+q.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.owner)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("watch: %d", resp.StatusCode)
	}
	return &watched{s.t, resp, bufio.NewScanner(resp.Body), last, cancel}
}

// next is the next event; the name is empty at the end of the stream.
func (w *watched) next() (e told) {
	w.t.Helper()
	for w.lines.Scan() {
		field, value, _ := strings.Cut(w.lines.Text(), ": ")
		switch field {
		case "id":
			e.id, w.last = value, value
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.Event); err != nil {
				w.t.Fatal(err)
			}
		case "":
			if e.name != "" {
				return e
			}
			e = told{}
		}
	}
	return told{}
}

// want reads events and checks their names and states.
func (w *watched) want(names ...string) (list []told) {
	w.t.Helper()
	for _, name := range names {
		e := w.next()
		if e.name != name {
			w.t.Fatalf("got %q %+v, want %s", e.name, e, name)
		}
		list = append(list, e)
	}
	return list
}

func tasks(list ...lab.Task) url.Values {
	q := url.Values{}
	for _, t := range list {
		q.Add("task", t.ID)
	}
	return q
}

func TestEventsOfOneTask(t *testing.T) {
	s := serveLab(t)
	task := s.submit(noise(t, 20, 10), "")
	w := s.watch(tasks(task), "")
	if h := w.resp.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" || h.Get("X-Accel-Buffering") != "no" {
		t.Error(h)
	}
	if e := w.want("queued")[0]; e.Task != task.ID || e.State != lab.NotStarted || e.Place == nil || e.Time.IsZero() {
		t.Errorf("%+v", e)
	}
	s.work()
	if list := w.want("started", "finished", "end", ""); list[1].State != lab.Finished || list[1].Progress != 1 {
		t.Errorf("%+v", list)
	}
	s.watch(tasks(task), "").want("finished", "end", "")
	s.watch(tasks(task), w.last).want("end", "")
}
