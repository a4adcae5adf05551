package live

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"minilab/internal/trials"
)

const patience = 90 * time.Second

// TestAStreamThatIsLostGoesOnElsewhere follows tasks while the frontends are
// killed or stopped under the reader, and the master and the task database are
// restarted: each event comes exactly once, in order.
func TestAStreamThatIsLostGoesOnElsewhere(t *testing.T) {
	l := start(t, twoFrontends)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	bases := l.URLs("frontend")
	l.Kill("worker") // what is handed in waits
	ids := hand(t, l, 12)
	r := &reader{query: url.Values{"task": ids}}
	if err := r.open(ctx, bases[0]); err != nil {
		t.Fatal(err)
	}
	if err := l.Start(ctx); err != nil {
		t.Fatal(err)
	}
	blows := map[int]func() error{
		3:  func() error { l.Kill("frontend"); return nil },
		7:  func() error { l.Kill("taskdb"); return l.Start(ctx) },
		11: func() error { l.Kill("master"); return l.Start(ctx) },
		15: func() error { return l.Signal("frontend.2", syscall.SIGTERM) },
	}
	var got []event
	for at := 0; ; {
		e, err := r.next()
		if e.Name == "" { // the stream has broken, or ended without an end
			r.close()
			at++
			if err := r.open(ctx, bases[at%len(bases)]); err != nil {
				t.Fatalf("after %v: %v", err, errors.Join(err, context.Cause(ctx)))
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Name == "end" {
			break
		}
		got = append(got, e)
		if blow := blows[len(got)]; blow != nil {
			if err := blow(); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.close()
	// Another reader, who has never lost anything, is told the same.
	again := &reader{query: url.Values{"task": ids}, last: "0"}
	if err := l.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := again.open(ctx, bases[0]); err != nil {
		t.Fatal(err)
	}
	defer again.close()
	want := read(t, again)
	want = slices.DeleteFunc(want, func(e event) bool { return e.Name == "queued" && len(got) > 0 && number(t, e) < number(t, got[0]) })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%v, want\n%v", got, want)
	}
}

// read reads to the event "end".
func read(t *testing.T, r *reader) (list []event) {
	t.Helper()
	for {
		e, err := r.next()
		if err != nil || e.Name == "" {
			t.Errorf("the stream has ended: %v, after %v", err, list)
			return list
		}
		if e.Name == "end" {
			return list
		}
		list = append(list, e)
	}
}

func number(t *testing.T, e event) int64 {
	t.Helper()
	n, err := strconv.ParseInt(e.ID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestManyListenersOfOneTask: all of them are told all of it.
func TestManyListenersOfOneTask(t *testing.T) {
	const many = 300
	l := start(t, trials.Topology{"kv", "taskdb", "storage", "master", "frontend"})
	ids := hand(t, l, 1)
	readers := make([]*reader, many)
	for i := range readers {
		readers[i] = &reader{query: url.Values{"task": ids}}
		if err := readers[i].open(t.Context(), l.URL("frontend")); err != nil {
			t.Fatal(err)
		}
		defer readers[i].close()
	}
	l.Topology = append(l.Topology, "worker")
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := make([][]event, many)
	var reading sync.WaitGroup
	for i, r := range readers {
		reading.Go(func() { got[i] = read(t, r) })
	}
	reading.Wait()
	for i := range got {
		if !slices.Equal(got[i], got[0]) || len(got[i]) < 2 {
			t.Errorf("listener %d: %v, the first: %v", i, got[i], got[0])
		}
	}
}
