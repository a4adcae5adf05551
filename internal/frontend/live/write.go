package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"minilab/internal/lab"
)

// Times of a stream.
const (
	writeWithin = 30 * time.Second // else the reader is as good as gone
	comeBack    = time.Second      // what readers wait before they connect again, and
	comeApart   = 2 * time.Second  // as much more as chance has it, so that not all come at once
)

// lookupTries is how often the tags of a task are asked for.
const lookupTries = 20

var endText = []byte("event: end\ndata: {}\n\n")

// begin writes the present states. Only what follows them has the
// reader's place: who loses the stream before has had nothing.
func (s *stream) begin(first [][]byte, fresh bool) error {
	if err := s.write(retry()); err != nil {
		return err
	}
	for _, text := range first {
		if err := s.write(text); err != nil {
			return err
		}
	}
	if fresh {
		if err := s.write(fmt.Appendf(nil, "id: %d\n\n", s.place)); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

// retry says when to connect again.
func retry() []byte {
	return fmt.Appendf(nil, "retry: %d\n\n", (comeBack + rand.N(comeApart)).Milliseconds())
}

func (s *stream) write(text []byte) error {
	_ = s.out.SetWriteDeadline(time.Now().Add(writeWithin)) // a recorder in a test has none
	_, err := s.out.Write(text)
	return err
}

// cut ends a write that waits for its reader.
func (s *stream) cut() { _ = s.out.SetWriteDeadline(time.Unix(1, 0)) }

// tell writes events, and a ping where one is due: it takes the reader's place
// along to where the feed has been read.
func (s *stream) tell(ctx context.Context, list []*frame, ping bool, upto int64) error {
	for _, f := range list {
		if err := s.tellOne(ctx, f); err != nil {
			return err
		}
	}
	s.place = max(s.place, upto)
	if len(s.l.asked.Tasks) > 0 && len(s.live) == 0 && s.place >= s.known {
		return errOver
	}
	if ping && len(list) == 0 {
		if err := s.write(fmt.Appendf(nil, ": ping\nid: %d\n\n", s.place)); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

func (s *stream) tellOne(ctx context.Context, f *frame) error {
	if tag := s.l.asked.Tag; tag != "" {
		if ok, err := s.tagged(ctx, f.task, tag); err != nil || !ok {
			return err
		}
	}
	if f.seq > s.known && f.ended {
		delete(s.live, f.task)
	} else if f.seq > s.known && s.live != nil {
		s.live[f.task] = struct{}{}
	}
	return s.write(f.text)
}

// tagged waits for a lab that is away: the reader could do no better.
func (s *stream) tagged(ctx context.Context, id, tag string) (ok bool, err error) {
	for range lookupTries {
		if ok, err = s.hub.tagged(ctx, s.l.asked.Owner, id, tag); err == nil || ctx.Err() != nil {
			break
		}
		sleep(ctx, feedPause)
	}
	return ok, err
}

// last writes what ends the stream. An ordinary answer's connection goes on.
func (s *stream) last(text []byte) error {
	if err := s.write(text); err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	return s.out.SetWriteDeadline(time.Time{})
}

// catchUp reads the feed itself up to where the hub can take the reader over,
// and gives what the hub still knows of what came then, and how far that goes.
func (s *stream) catchUp(ctx context.Context) ([]*frame, int64, error) {
	for {
		if list, upto, ok := s.hub.attach(s.l, s.place, s.known, s.waits); ok {
			return list, upto, nil
		}
		page, err := s.page(ctx)
		if err != nil {
			return nil, 0, err
		}
		if err := s.tell(ctx, page, false, s.place); err != nil {
			return nil, 0, err
		}
	}
}

// page is the next part of the feed; the reader's place goes along.
func (s *stream) page(ctx context.Context) ([]*frame, error) {
	select {
	case s.hub.reading <- struct{}{}:
		defer func() { <-s.hub.reading }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	events, err := s.hub.Board.Events(ctx, s.place, lab.MaxPage, 0)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, lab.ErrCompacted // the feed has ended before the place where it was
	}
	var list []*frame
	for _, e := range events {
		if f := newFrame(e); s.l.fits(f) {
			list = append(list, f)
		}
	}
	s.place = events[len(events)-1].Seq
	return list, nil
}
