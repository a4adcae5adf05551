package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Event is something that has happened to a task.
type Event struct {
	ID       string    `json:"-"`    // to go on after, see Watch.After
	Type     string    `json:"type"` // queued, started, progress, finished, failed, canceled, retried or deleted
	Task     string    `json:"task"`
	State    State     `json:"state,omitempty"`
	Progress float64   `json:"progress,omitempty"` // 0 to 1
	Stage    string    `json:"stage,omitempty"`
	Place    *Place    `json:"place,omitempty"`
	Error    *Failure  `json:"error,omitempty"`
	Time     time.Time `json:"time,omitzero"`
}

// Watch says which events Events gives.
type Watch struct {
	Tasks []string // of these tasks; the loop ends when all of them have ended
	Tag   string   // of tasks with this tag; without both of all the caller's tasks
	After string   // ID of the last event that is known; empty: from now on
}

// codeCompacted: the lab does not know any more what came after an event.
const codeCompacted = "compacted"

// endEvent is the lab's word that nothing more will come.
const endEvent = "end"

// Events gives what happens, as it happens. A stream that breaks is taken up
// again after the last event; one that is opened late begins with the present
// state of each task that Watch names. An error ends the loop.
func (c *Client) Events(ctx context.Context, w Watch) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := &stream{client: c, query: url.Values{}, last: w.After}
		if len(w.Tasks) > 0 {
			s.query["task"] = w.Tasks
		}
		if w.Tag != "" {
			s.query.Set("tag", w.Tag)
		}
		for attempts := c.newAttempts(); ; {
			before := s.read
			err := s.follow(ctx, yield)
			if CodeOf(err) == codeCompacted && s.last != "" {
				s.last = "" // what came meanwhile is forgotten; the present states are told
				continue
			}
			if errors.Is(err, errOver) {
				return
			}
			if s.read > before {
				attempts.renew()
			}
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			} else if (call{}).again(err) {
				if err = attempts.after(ctx, err, s.advice()); err == nil {
					continue
				}
			}
			yield(Event{}, err)
			return
		}
	}
}

// errOver ends a stream for good: its end has come or its reader has gone.
var errOver = errors.New("the stream is over")

// stream is one that is followed over several connections.
type stream struct {
	client *Client
	query  url.Values
	last   string        // event
	pause  time.Duration // that the lab asks for before it is called again
	read   int           // events and comments so far
}

// follow reads one connection to its end, which is an error.
func (s *stream) follow(ctx context.Context, yield func(Event, error) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q := call{method: http.MethodGet, path: []string{"events"}, query: s.query, header: http.Header{"Accept": {"text/event-stream"}}}
	if s.last != "" {
		q.header.Set("Last-Event-ID", s.last)
	}
	resp, err := s.client.try(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := newLively(resp.Body, cancel)
	defer body.stall.Stop()
	for lines := newFrames(body); ; s.read++ {
		f, err := lines.next()
		if err != nil {
			return cut(err)
		}
		if err := s.take(f, yield); err != nil {
			return err
		}
	}
}

// cut is the end of a stream that has not said that it ends.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrCut
	}
	return err
}

// take gives a frame to the reader.
func (s *stream) take(f frame, yield func(Event, error) bool) error {
	if f.retry > 0 {
		s.pause = f.retry
	}
	if f.id != "" {
		s.last = f.id
	}
	if f.event == endEvent {
		return errOver
	}
	if f.data == "" {
		return nil
	}
	e := Event{ID: s.last, Type: f.event}
	if err := json.Unmarshal([]byte(f.data), &e); err != nil {
		yield(Event{}, fmt.Errorf("event %s cannot be read: %w", f.id, err))
		return errOver
	}
	if !yield(e, nil) {
		return errOver
	}
	return nil
}

// advice is how long the lab asks to be left alone, which holds once.
func (s *stream) advice() time.Duration {
	pause := s.pause
	s.pause = 0
	return pause
}
