package live

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/lab"
)

// board is a lab's feed in memory. Who waits for events is told of the next
// ones, however often they ask.
type board struct {
	lab.Customers

	mu      sync.Mutex
	events  []lab.Event
	gone    int64 // events up to here are not kept
	changed chan struct{}
	reading int // calls that wait
}

func newBoard() *board { return &board{changed: make(chan struct{})} }

func (b *board) add(e lab.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Seq, e.Owner = int64(len(b.events)+1), "ann"
	b.events = append(b.events, e)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) Events(ctx context.Context, after int64, _ int, wait time.Duration) ([]lab.Event, error) {
	for {
		b.mu.Lock()
		if after < b.gone {
			b.mu.Unlock()
			return nil, lab.ErrCompacted
		}
		list, changed := b.events[min(after, int64(len(b.events))):], b.changed
		if len(list) > 0 || wait == 0 {
			b.mu.Unlock()
			return append([]lab.Event{}, list...), nil
		}
		b.reading++
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done(): // a wire may notice late: events can come for who has left
			<-changed
		}
		b.mu.Lock()
		b.reading--
		b.mu.Unlock()
	}
}

func (b *board) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reading
}

func (b *board) Stats(context.Context) (lab.Stats, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return lab.Stats{LastSeq: int64(len(b.events))}, nil
}

func (b *board) Places(_ context.Context, ids []string) ([]lab.Place, error) {
	list := make([]lab.Place, len(ids))
	for i := range ids {
		list[i].Ahead = 7
	}
	return list, nil
}

func newHub(b *board) *Hub {
	return New(Config{Customers: b, Board: b, Log: slog.New(slog.DiscardHandler)})
}

func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// listen attaches a listener to all tasks of the owner, or to those named.
func listen(t *testing.T, h *Hub, tasks ...string) *listener {
	t.Helper()
	end, err := h.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{asked: Asked{Owner: "ann", Tasks: tasks}, wake: make(chan struct{}, 1), cut: func() {}, opened: time.Now()}
	within(t, "the hub takes the listener", func() bool {
		_, _, ok := h.attach(l, end, end, map[string]struct{}{"a": {}})
		return ok
	})
	return l
}

// attached is a listener to tasks that wait, of a hub in which nothing runs.
func attached(t *testing.T, h *Hub, tasks ...string) *listener {
	t.Helper()
	l := &listener{asked: Asked{Owner: "ann", Tasks: tasks}, wake: make(chan struct{}, 1), cut: func() {}}
	waits := map[string]struct{}{}
	for _, id := range tasks {
		waits[id] = struct{}{}
	}
	if _, _, ok := h.attach(l, 0, 0, waits); !ok {
		t.Fatal("it is not taken")
	}
	return l
}

// When all have left and somebody comes again while the last reading still waits
// for the feed, there are two readings for a moment, of which one tells.
func TestNothingIsToldTwiceAfterAllHaveLeft(t *testing.T) {
	b := newBoard()
	h := newHub(b)
	for i := range 3 {
		l := listen(t, h)
		within(t, "the feed is read", func() bool { return b.waiting() == i+1 })
		h.detach(l)
		h.leave()
		within(t, "the reading is given up", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.stop == nil })
	}
	l := listen(t, h)
	defer h.leave()
	within(t, "the readings overlap", func() bool { return b.waiting() >= 4 })
	b.add(lab.Event{ID: "a", State: lab.NotStarted})
	b.add(lab.Event{ID: "a", From: lab.NotStarted, State: lab.Canceled})
	var got []*frame
	within(t, "both are told", func() bool {
		list, _, _, _ := h.take(l)
		got = append(got, list...)
		return len(got) >= 2
	})
	within(t, "the old readings are over", func() bool { return b.waiting() == 1 })
	list, _, _, _ := h.take(l)
	if got = append(got, list...); len(got) != 2 || got[0].seq != 1 || got[1].seq != 2 {
		t.Errorf("told %d events", len(got))
	}
}

// Who does not read is let go, and a write of theirs that is under way is cut.
func TestASlowReaderIsLetGo(t *testing.T) {
	b := newBoard()
	h := newHub(b)
	l := listen(t, h)
	defer h.leave()
	cut := make(chan struct{}, 1)
	l.cut = func() { cut <- struct{}{} }
	for range maxQueue + 1 {
		b.add(lab.Event{ID: "a", State: lab.NotStarted})
	}
	<-cut
	if list, _, _, why := h.take(l); why != slow || len(list) != 0 {
		t.Errorf("it is %v, with %d events", why, len(list))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.listeners)+len(h.owners) != 0 {
		t.Error("it is still listened to")
	}
}

// A feed that no longer has the hub's place sends everybody back to their own.
func TestALostPlace(t *testing.T) {
	b := newBoard()
	h := newHub(b)
	l := listen(t, h)
	defer h.leave()
	b.mu.Lock()
	b.gone = 5
	b.mu.Unlock()
	b.add(lab.Event{ID: "a", State: lab.NotStarted})
	within(t, "the listener is told", func() bool { _, _, _, why := h.take(l); return why == lost })
}

func TestPingsAndLifetime(t *testing.T) {
	h := newHub(newBoard())
	l := listen(t, h)
	defer h.leave()
	h.ping(t.Context())
	if _, ping, _, _ := h.take(l); ping {
		t.Error("who was just written to is pinged")
	}
	h.mu.Lock()
	l.touched = time.Now().Add(-pingEvery)
	h.mu.Unlock()
	h.ping(t.Context())
	if _, ping, _, why := h.take(l); !ping || why != listens {
		t.Errorf("who was silent gets a ping %v, and is %v", ping, why)
	}
	h.mu.Lock()
	l.opened = time.Now().Add(-lifetime)
	h.mu.Unlock()
	h.ping(t.Context())
	if _, _, _, why := h.take(l); why != aged {
		t.Errorf("after its lifetime it is %v", why)
	}
}

// Places are told when the queue has moved, once, and do not move the reader's
// own place.
func TestPlacesAreTold(t *testing.T) {
	h := newHub(newBoard())
	l := attached(t, h, "a")
	h.moved = true
	h.tellPlaces(t.Context())
	list, _, _, _ := h.take(l)
	if len(list) != 1 || !strings.Contains(string(list[0].text), `"place":{"ahead":7}`) || strings.Contains(string(list[0].text), "id:") {
		t.Fatalf("told %d events", len(list))
	}
	h.moved = true
	h.tellPlaces(t.Context())
	if list, _, _, _ := h.take(l); len(list) != 0 {
		t.Errorf("the same place is told again: %s", list[0].text)
	}
}

// Who listens to as many tasks as can be named is told of all their places at once
// and is not taken for slow; who then does not read is told no more of them.
func TestPlacesOfManyAreTold(t *testing.T) {
	h := newHub(newBoard())
	names := make([]string, MaxTasks)
	for i := range names {
		names[i] = fmt.Sprint("a", i)
	}
	l := attached(t, h, names...)
	move := func() {
		h.moved = true
		for _, t := range h.topics {
			t.told = -1
		}
	}
	tells := func(what string, want int) {
		t.Helper()
		h.tellPlaces(t.Context())
		if list, _, _, why := h.take(l); len(list) != want || why != listens {
			t.Errorf("%s it is told %d places, want %d; it is %v", what, len(list), want, why)
		}
	}
	move()
	tells("at first", MaxTasks)
	tells("when nothing has moved", 0)
	move()
	h.tellPlaces(t.Context())
	move()
	tells("when it has not read", MaxTasks)
	tells("when it has", MaxTasks)
}

// leaver is a caller that leaves when it has read a text.
type leaver struct {
	*httptest.ResponseRecorder
	text  string
	leave func()
}

// Write implements http.ResponseWriter.
func (l leaver) Write(p []byte) (int, error) {
	n, err := l.ResponseRecorder.Write(p)
	if strings.Contains(l.Body.String(), l.text) {
		l.leave()
	}
	return n, err
}

// The stream of an ordinary answer says when to come back, where it is and, at
// the end of its time, ends.
func TestAStreamThatEnds(t *testing.T) {
	b := newBoard()
	h := newHub(b)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := leaver{httptest.NewRecorder(), "\n\nid: 0\n\n", cancel}
	func() {
		defer func() { _ = recover() }() // a stream that its caller has left is cut
		if err := h.Serve(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil), Asked{Owner: "ann", After: -1}); err != nil {
			t.Error(err)
		}
	}()
	body := w.Body.String()
	if !strings.HasPrefix(body, "retry: ") || !strings.Contains(body, "\n\nid: 0\n\n") || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Errorf("%v %q", w.Header(), body)
	}
	within(t, "nobody is counted any more", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.users == 0 && h.stop == nil })
}

// Who comes and goes in a queue that does not move leaves nothing behind.
func TestWhoComesAgainIsListedOnce(t *testing.T) {
	h := newHub(newBoard())
	for range 3 {
		h.detach(attached(t, h, "a"))
	}
	attached(t, h, "a")
	n := len(h.rota)
	h.moved = true
	if keys := h.turn(); n != 1 || len(keys) != 1 {
		t.Errorf("%d are in the rota, %d of them have their turn", n, len(keys))
	}
}
