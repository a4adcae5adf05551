// Package live tries streams of events against labs of processes: what many
// idle ones cost, and that no event is lost or told twice whatever ends a
// stream.
package live

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"minilab/internal/trials"
)

// twoFrontends is a lab whose customers come to either of two.
var twoFrontends = trials.Topology{"kv", "taskdb", "storage", "master", "worker", "frontend", "frontend.2"}

func start(t *testing.T, topology trials.Topology) *trials.Lab {
	t.Helper()
	l, err := trials.New("../../..", t.TempDir(), topology)
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

// event is one as a reader gets it.
type event struct {
	ID       string `json:"-"`
	Name     string `json:"-"`
	Task     string
	State    string
	Progress float64
}

// reader follows a stream over several frontends.
type reader struct {
	query url.Values
	last  string // id
	resp  *http.Response
	lines *bufio.Scanner
	stop  context.CancelFunc
}

// open connects to a frontend, again and again until it answers.
func (r *reader) open(ctx context.Context, base string) error {
	for {
		err := r.try(ctx, base)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (r *reader) try(ctx context.Context, base string) error {
	ctx, r.stop = context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/events?"+r.query.Encode(), nil)
	if err != nil {
		return err
	}
	if r.last != "" {
		req.Header.Set("Last-Event-ID", r.last)
	}
	if r.resp, err = http.DefaultTransport.RoundTrip(req); err != nil {
		return err
	}
	if r.resp.StatusCode != http.StatusOK {
		r.resp.Body.Close()
		return fmt.Errorf("events: %d", r.resp.StatusCode)
	}
	r.lines = bufio.NewScanner(r.resp.Body)
	return nil
}

func (r *reader) close() {
	r.stop()
	r.resp.Body.Close()
}

// next is the next event, or the end of the stream as an event without a name.
// Places in the queue come when they come and are passed over.
func (r *reader) next() (e event, err error) {
	for r.lines.Scan() {
		field, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch field {
		case "id":
			e.ID, r.last = value, value
		case "event":
			e.Name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				return e, err
			}
		case "":
			if e.Name != "" && (e.ID != "" || e.Name != "queued") {
				return e, nil
			}
			e = event{}
		}
	}
	return event{}, r.lines.Err()
}
