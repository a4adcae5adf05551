package kvhttp

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/kv"
)

const (
	// verdict is how long the head of a stream waits for the store to say that
	// it cannot be: a status is better understood than an event.
	verdict = 100 * time.Millisecond

	// ahead is how many events are taken from the store before the reader has
	// taken them: few, because each may be large. One who falls further behind
	// than the store keeps is told.
	ahead = 4
)

// news is what a Watch yields.
type news struct {
	event kv.Event
	err   error
}

func (h handler) watch(w http.ResponseWriter, r *http.Request) error {
	q, err := httpx.Query(r)
	if err != nil {
		return err
	}
	after, err := position(r, q)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	feed := h.follow(ctx, q.Get("prefix"), after)
	defer func() {
		cancel()
		for range feed { // until the store has let go
		}
	}()
	var first *news
	select {
	case n, ok := <-feed:
		if !ok {
			return errCut
		}
		if n.err != nil {
			return n.err
		}
		first = &n
	case <-time.After(verdict):
	}
	stream(w, first, feed)
	return nil
}

// position is the revision after which a stream begins: a reader that connects
// again says what it saw last.
func position(r *http.Request, q url.Values) (int64, error) {
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		q.Set("after", last)
	}
	return httpx.Int(q, "after", 0, 0, 1<<63-1)
}

// follow runs a Watch; the channel is closed at its end.
func (h handler) follow(ctx context.Context, prefix string, after int64) <-chan news {
	feed := make(chan news, ahead)
	go func() {
		defer close(feed)
		for e, err := range h.store.Watch(ctx, prefix, after) {
			select {
			case feed <- news{e, err}:
			case <-ctx.Done():
				if err == nil {
					continue // to the watch's own end, which comes now
				}
				feed <- news{err: err} // read until the channel is closed
			}
		}
	}()
	return feed
}

// stream writes news until they end or the reader is gone; of that nobody is
// left to be told.
func stream(w http.ResponseWriter, first *news, feed <-chan news) {
	s, err := startEvents(w)
	if err != nil {
		return
	}
	defer s.end()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	if first != nil && !send(s, *first, feed) {
		return
	}
	for {
		select {
		case n, ok := <-feed:
			if !ok || !send(s, n, feed) {
				return
			}
		case <-ping.C:
			if s.ping() != nil || s.flush() != nil {
				return
			}
		}
	}
}

// send writes news and whatever else has come, and says whether to go on.
func send(s *eventWriter, n news, feed <-chan news) bool {
	for {
		if n.err != nil {
			_, _ = s.fail(n.err), s.flush() // the stream ends either way
			return false
		}
		if s.event(n.event) != nil {
			return false
		}
		var more bool
		select {
		case n, more = <-feed:
		default:
		}
		if !more {
			return s.flush() == nil
		}
	}
}
