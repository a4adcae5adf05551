package frontend_test

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/frontend"
	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/master/mastertest"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/telemetry"
)

// serve serves the frontend as a process does, where streams go on without
// their requests, and has the test ask it there from now on.
func (s *service) serve() *httpx.Server {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	return httpx.Serve(s.t.Context(), httpx.NewConnections().Listener(l), s.h, slog.New(slog.DiscardHandler))
}

// gauge is what a gauge with one series shows.
func gauge(t *testing.T, m *telemetry.Metrics, name string) float64 {
	t.Helper()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// lastWord is how a stream ends whose frontend stops.
var lastWord = regexp.MustCompile(`(?:^|\n\n)retry: ([12][0-9]{3})\n\n$`)

// TestEventsOfAFrontendThatStops: its streams end whole, with a word when to come
// back, and go on elsewhere. Until then, and no longer, they are counted, though
// no request is in flight.
func TestEventsOfAFrontendThatStops(t *testing.T) {
	m := telemetry.NewMetrics("test")
	s := serveLab(t, func(c *frontend.Config) { c.Middleware = append(c.Middleware, m.HTTP("frontend")) })
	counts := func(streams float64) {
		t.Helper()
		within(t, func() bool {
			return gauge(t, m, "minilab_http_streams_open") == streams && gauge(t, m, "minilab_http_requests_in_flight") == 0
		})
	}
	elsewhere, task := s.url, s.submit(noise(t, 20, 10), "")
	server := s.serve()
	named, all := s.watch(tasks(task), ""), s.watch(nil, "")
	if named.resp.ContentLength != -1 || !named.resp.Close {
		t.Error("the stream is not a detached one")
	}
	named.want("queued")
	counts(2)
	work := s.claim()
	started := named.want("started")[0]
	if err := server.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	for _, w := range []*watched{named, all} {
		text, lines := strings.Builder{}, w.lines
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
		}
		if err := lines.Err(); err != nil || !lastWord.MatchString(text.String()) {
			t.Errorf("the stream ends with %v and %q", err, text.String())
		}
	}
	counts(0)
	s.url = elsewhere
	s.finish(work)
	s.watch(tasks(task), started.id).want("finished", "end", "")
}

// TestAStreamThatIsRefusedIsNotCounted, nor one whose reader has gone.
func TestAStreamThatIsRefusedIsNotCounted(t *testing.T) {
	m := telemetry.NewMetrics("test")
	s := serveLab(t, func(c *frontend.Config) { c.Middleware = append(c.Middleware, m.HTTP("frontend")) })
	server := s.serve()
	defer func() { _ = server.Shutdown(t.Context()) }()
	s.refuses(http.StatusNotFound, "not-found", http.MethodGet, "/api/v1/events?task=nobody", nil)
	w := s.watch(nil, "")
	within(t, func() bool { return gauge(t, m, "minilab_http_streams_open") == 1 })
	w.stop()
	for i := 0; gauge(t, m, "minilab_http_streams_open") != 0; i++ { // found gone by a write
		if i == 200 {
			t.Fatal("a reader who has gone is still counted")
		}
		s.submit(noise(t, 2, 1), "fresh=true")
	}
}

// TestEventsOfAThousandTasks, in one URL.
func TestEventsOfAThousandTasks(t *testing.T) {
	const many = 1000
	s := serveLab(t)
	server := s.serve()
	defer func() { _ = server.Shutdown(t.Context()) }()
	ids := make([]string, many)
	side(many, func(i int) {
		task, err := s.f.Lab.Submit(t.Context(), lab.Submission{Owner: s.owner, Fresh: true, Size: 1}, strings.NewReader("x"))
		if err != nil {
			t.Error(err)
		}
		ids[i] = task.ID
	})
	w := s.watch(url.Values{"task": ids}, "")
	seen := map[string]string{}
	for range many {
		e := w.want("queued")[0]
		seen[e.Task] = e.name
	}
	for some := range slices.Chunk(ids, 250) { // a reader who is over 512 events late is let go
		side(len(some), func(i int) {
			if _, err := s.f.Lab.Cancel(t.Context(), lab.Ref{Owner: s.owner, ID: some[i]}); err != nil {
				t.Error(err)
			}
		})
		for range some {
			e := w.want("canceled")[0]
			if seen[e.Task] != "queued" {
				t.Fatalf("%s was %q before", e.Task, seen[e.Task])
			}
			seen[e.Task] = e.name
		}
	}
	w.want("end", "")
}

// side does n things, a few at a time.
func side(n int, do func(i int)) {
	var doing sync.WaitGroup
	turns := make(chan struct{}, 32)
	for i := range n {
		turns <- struct{}{}
		doing.Go(func() { do(i); <-turns })
	}
	doing.Wait()
}

// TestEventsThatAreNotKept: a stream that is taken up from before what the feed
// keeps begins anew, by the present states where tasks are named, and misses
// nothing from there on; one that is open meanwhile goes on.
func TestEventsThatAreNotKept(t *testing.T) {
	var db taskdb.Store
	s := serveOver(t, mastertest.OpenWith(t, func(s taskdb.Store) taskdb.Store { db = s; return s },
		func(o *sqltaskdb.Options) { o.KeepEvents, o.KeepFor = 1, time.Nanosecond }))
	done := s.submit(noise(t, 20, 10), "tag=red")
	s.work()
	waits := s.submit(noise(t, 10, 20), "tag=red")
	open := s.watch(tasks(done, waits), "1")
	open.want("started", "finished", "queued")
	if err := db.(*sqltaskdb.Store).Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.f.Lab.Events(t.Context(), 1, 0, 0); err == nil {
		t.Fatal("the feed keeps everything")
	}
	here := s.watch(tasks(done, waits), "1") // this frontend has read it in time
	here.want("started", "finished", "queued")
	other := serveOver(t, s.f)
	late, tagged := other.watch(tasks(done, waits), "1"), other.watch(url.Values{"tag": {"red"}}, "1")
	for _, e := range late.want("finished", "queued") {
		if e.id != "" {
			t.Errorf("a present state is %s in the feed", e.id)
		}
	}
	for !strings.HasPrefix(tagged.lines.Text(), "id: ") { // from here on it misses nothing
		if !tagged.lines.Scan() {
			t.Fatal(tagged.lines.Err())
		}
	}
	s.work()
	for i, w := range []*watched{open, here, late} {
		list := w.want("started", "finished", "end", "")
		if list[0].Task != waits.ID || list[0].id == "" {
			t.Errorf("stream %d: %+v", i, list)
		}
	}
	tagged.want("started", "finished")
}

func within(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatal("not in time")
		}
		<-time.After(time.Millisecond)
	}
}
