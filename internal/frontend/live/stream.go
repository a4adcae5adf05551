package live

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/lab"
)

// Asked is what a stream is to tell of.
type Asked struct {
	Owner string
	Tasks []string // sorted, each once; none: all of the owner's
	Tag   string   // only tasks that have it; not with Tasks
	After int64    // what its reader has had, in the feed; negative: nothing
}

func (a Asked) names(id string) bool {
	_, ok := slices.BinarySearch(a.Tasks, id)
	return ok
}

// output is where a stream goes.
type output interface {
	io.Writer
	Flush() error
	SetWriteDeadline(at time.Time) error
}

// plain is the output of an ordinary answer.
type plain struct {
	io.Writer
	*http.ResponseController
}

// stream is one answer.
type stream struct {
	hub   *Hub
	l     *listener
	out   output
	fresh bool // it begins with the present states

	place int64               // what was written goes up to here
	known int64               // from here on, live is right
	live  map[string]struct{} // those of the named tasks that have not ended
	waits map[string]struct{} // of the named tasks
}

// What ends a stream.
var (
	errOver = errors.New("all that was asked for has been told")
	errSlow = errors.New("the reader does not read")
	errAged = errors.New("the reader is to come again")
)

// Serve answers with a stream. An error comes before anything was written.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, a Asked) error {
	ctx, cancel := httpx.Wait(r.Context())
	defer cancel()
	end, err := h.enter(ctx)
	if err != nil {
		return err
	}
	s := &stream{hub: h, place: a.After, out: plain{w, http.NewResponseController(w)}}
	s.l = &listener{asked: a, wake: make(chan struct{}, 1), opened: time.Now(), cut: s.cut}
	first, err := s.open(ctx, end)
	if err != nil {
		h.leave()
		return err
	}
	describe(w.Header())
	detached := httpx.Detach(w, r, func(ctx context.Context, out *httpx.Stream) error {
		defer h.leave()
		s.out = out
		return s.serve(ctx, first)
	})
	if detached {
		return nil
	}
	defer h.leave()
	if err := s.serve(ctx, first); err != nil && r.Context().Err() == nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

func describe(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy that collects events delays them
}

// open finds out where the stream begins, and what it begins with.
func (s *stream) open(ctx context.Context, end int64) ([][]byte, error) {
	if s.place > end { // the hub may be late, but not the lab
		stats, err := s.hub.Board.Stats(ctx)
		if err != nil {
			return nil, err
		}
		if s.place > stats.LastSeq {
			s.place = -1 // of another lab, or of one before it was restored
		}
	}
	back := s.l.asked.After >= 0
	if s.fresh = s.place < 0; s.fresh {
		return s.renew(ctx, end, back)
	}
	if len(s.l.asked.Tasks) == 0 {
		return nil, nil
	}
	tasks, seq, err := s.hub.look(ctx, s.l.asked, end, true)
	if err != nil {
		return nil, err
	}
	s.take(tasks, seq)
	return nil, nil
}

// renew begins with the present states. Tasks that are gone were there before
// if the reader has come back.
func (s *stream) renew(ctx context.Context, end int64, back bool) ([][]byte, error) {
	s.place = end
	if len(s.l.asked.Tasks) == 0 {
		return nil, nil
	}
	tasks, seq, err := s.hub.look(ctx, s.l.asked, end, back)
	if err != nil {
		return nil, err
	}
	s.take(tasks, seq)
	s.place = seq
	places := s.hub.placesOf(ctx, tasks)
	list := make([][]byte, 0, len(s.l.asked.Tasks))
	for _, id := range s.l.asked.Tasks {
		if t, ok := tasks[id]; ok {
			list = append(list, present(t, places[id]))
		} else {
			list = append(list, encode(0, deleted, Event{Task: id}))
		}
	}
	return list, nil
}

// take takes down which tasks have not ended at that place.
func (s *stream) take(tasks map[string]lab.Task, seq int64) {
	s.known, s.live, s.waits = seq, map[string]struct{}{}, map[string]struct{}{}
	for id, t := range tasks {
		if !t.State.Ended() {
			s.live[id] = struct{}{}
		}
		if t.State == lab.NotStarted {
			s.waits[id] = struct{}{}
		}
	}
}

// serve writes the stream until it ends. After an error it was not told to its
// end, and must not look as if it were.
func (s *stream) serve(ctx context.Context, first [][]byte) error {
	switch err := s.run(ctx, first); {
	case errors.Is(err, errOver):
		return s.last(endText)
	case errors.Is(err, httpx.ErrStopping):
		return s.last(retry())
	case errors.Is(err, errAged):
		return nil
	default:
		return err
	}
}

// run writes the stream until something ends it.
func (s *stream) run(ctx context.Context, first [][]byte) error {
	if err := s.begin(first, s.fresh); err != nil {
		return err
	}
	for {
		err := s.follow(ctx)
		if errors.Is(err, lab.ErrCompacted) {
			if err = s.again(ctx); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
	}
}

// again begins anew in the middle of a stream.
func (s *stream) again(ctx context.Context) error {
	stats, err := s.hub.Board.Stats(ctx)
	if err != nil {
		return err
	}
	list, err := s.renew(ctx, stats.LastSeq, true)
	if err != nil {
		return err
	}
	return s.begin(list, true)
}

// follow listens until the hub has lost its place.
func (s *stream) follow(ctx context.Context) error {
	defer s.hub.detach(s.l)
	list, upto, err := s.catchUp(ctx)
	if err != nil {
		return err
	}
	s.waits = nil
	for why, ping := listens, false; ; {
		if err := s.tell(ctx, list, ping, upto); err != nil || why == lost {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.l.wake:
		}
		list, ping, upto, why = s.hub.take(s.l)
		switch why {
		case slow:
			return errSlow
		case aged:
			return errAged
		}
	}
}
