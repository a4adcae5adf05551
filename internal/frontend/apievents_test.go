package frontend_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
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
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
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
		for e.name == "queued" && e.id == "" && name != "queued" { // where it stands, told whenever the queue has moved
			e = w.next()
		}
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

func TestEventsByTagAndOfAll(t *testing.T) {
	s := serveLab(t)
	all, tagged := s.watch(nil, ""), s.watch(url.Values{"tag": {"red"}}, "")
	s.owner = "other"
	foreign := s.watch(nil, "")
	s.owner = "public"
	blue := s.submit(noise(t, 20, 10), "tag=blue&fresh=true")
	red := s.submit(noise(t, 20, 10), "tag=red&fresh=true")
	list := all.want("queued", "queued")
	if list[0].Task != blue.ID || list[1].Task != red.ID {
		t.Errorf("%+v", list)
	}
	if e := tagged.want("queued")[0]; e.Task != red.ID {
		t.Errorf("%+v", e)
	}
	s.want(http.StatusOK, nil, http.MethodPost, "/api/v1/tasks/"+red.ID+"/cancel", nil)
	s.want(http.StatusOK, nil, http.MethodPost, "/api/v1/tasks/"+red.ID+"/retry", nil)
	s.want(http.StatusNoContent, nil, http.MethodDelete, "/api/v1/tasks/"+red.ID, nil)
	all.want("canceled", "retried", "deleted")
	tagged.want("canceled", "retried", "deleted")
	s.owner = "other"
	mine := s.submit(noise(t, 20, 10), "")
	if e := foreign.want("queued")[0]; e.Task != mine.ID {
		t.Errorf("told of somebody else's: %+v", e)
	}
}

// TestEventsGoOn: whatever place a stream is taken up from, it tells of
// everything after it.
func TestEventsGoOn(t *testing.T) {
	s := serveLab(t)
	task := s.submit(noise(t, 20, 10), "")
	s.work()
	list := s.watch(tasks(task), "0").want("queued", "started", "finished", "end")
	for i, e := range list[:3] {
		w := s.watch(tasks(task), e.id)
		for _, later := range list[i+1:] {
			if got := w.next(); got.id != later.id || got.name != later.name {
				t.Errorf("after %s: %+v, want %+v", e.id, got, later)
			}
		}
	}
	s.watch(tasks(task), "9000000000000000000").want("finished", "end") // of another lab
	s.want(http.StatusNoContent, nil, http.MethodDelete, "/api/v1/tasks/"+task.ID, nil)
	s.watch(tasks(task), list[2].id).want("deleted", "end")
}

func TestEventsRefuse(t *testing.T) {
	s := serveLab(t)
	task := s.submit(noise(t, 20, 10), "")
	const path = "/api/v1/events"
	for _, last := range []string{"abc", "-1", "1.5", "9223372036854775808", "1 2"} {
		s.refuses(http.StatusBadRequest, "invalid-parameter", http.MethodGet, path, nil, "Last-Event-ID", last)
	}
	s.refuses(http.StatusBadRequest, "invalid-parameter", http.MethodGet, path+"?tag=a&task="+task.ID, nil)
	s.refuses(http.StatusBadRequest, "invalid-parameter", http.MethodGet, path+"?tasks="+task.ID, nil)
	s.refuses(http.StatusBadRequest, "invalid-parameter", http.MethodGet, path+"?"+strings.Repeat("task=a&", 1001)+"task=b", nil)
	s.refuses(http.StatusNotFound, "not-found", http.MethodGet, path+"?task="+task.ID+"&task=nobody", nil)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if resp, _ := s.call(method, path, nil); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodGet {
			t.Errorf("%s: %d %v", method, resp.StatusCode, resp.Header)
		}
	}
	s.owner = "other"
	s.refuses(http.StatusNotFound, "not-found", http.MethodGet, path+"?task="+task.ID, nil)
	s.owner = "public:submit"
	s.refuses(http.StatusForbidden, "forbidden", http.MethodGet, path, nil)
}

// TestEventsOpenedAtAnyTime opens streams while their task is worked on: what a
// reader is told begins with a state and goes on without a gap or a repetition.
func TestEventsOpenedAtAnyTime(t *testing.T) {
	s := serveLab(t)
	after := map[string][]string{
		"queued": {"started"}, "started": {"progress", "finished"}, "progress": {"progress", "finished"}, "finished": {"end"}, "end": {""},
	}
	for range 20 {
		task := s.submit(noise(t, 20, 10), "fresh=true")
		var watching sync.WaitGroup
		for range 8 {
			watching.Go(func() {
				w := s.watch(tasks(task), "")
				at := 0.0
				for last := w.next(); last.name != ""; {
					e := w.next()
					if last.name == "queued" && e.name == "queued" {
						continue // its place in the queue
					}
					if !slices.Contains(after[last.name], e.name) || e.name == "progress" && e.Progress <= at && last.Progress > 0 {
						t.Errorf("%+v follows %+v", e, last)
						return
					}
					last, at = e, e.Progress
				}
			})
		}
		s.progress(0.2, 0.4, 0.6, 0.8)
		watching.Wait()
	}
}

// progress does the oldest task, and tells of it on the way.
func (s *service) progress(steps ...float64) {
	s.t.Helper()
	w := s.claim()
	for _, p := range steps {
		if err := s.f.Lab.Heartbeat(s.t.Context(), w.ID, w.Lease, lab.Beat{Progress: p}); err != nil {
			s.t.Fatal(err)
		}
	}
	s.finish(w)
}
