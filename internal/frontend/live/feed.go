package live

import (
	"context"
	"errors"
	"time"

	"minilab/internal/lab"
)

// follow reads the feed until nobody listens any more.
func (h *Hub) follow(ctx context.Context) {
	for h.needed(ctx) {
		if err := h.step(ctx); err != nil && h.needed(ctx) {
			h.Log.WarnContext(ctx, "feed cannot be read", "error", err)
			sleep(ctx, feedPause)
		}
	}
}

// step reads on. A feed that no longer has the hub's place, or never had it
// because its database was restored, is read from its end on; the listeners go
// back to places of their own.
func (h *Hub) step(ctx context.Context) error {
	h.mu.Lock()
	seq := h.seq
	h.mu.Unlock()
	asked := time.Now()
	events, err := h.Board.Events(ctx, seq, 0, feedWait)
	if err != nil && !errors.Is(err, lab.ErrCompacted) {
		return err
	}
	if len(events) > 0 {
		h.spread(ctx, events)
		return nil
	}
	stats, errStats := h.Board.Stats(ctx)
	if errStats != nil {
		return errStats
	}
	if err != nil || stats.LastSeq < seq {
		h.lose(ctx, stats.LastSeq)
	} else if time.Since(asked) < feedPause {
		sleep(ctx, feedPause) // a lab that does not wait must not be asked without end
	}
	return nil
}

// spread gives events to those who listen, unless this reading has ended.
func (h *Hub) spread(ctx context.Context, events []lab.Event) {
	frames := make([]*frame, len(events))
	for i, e := range events {
		frames[i] = newFrame(e)
	}
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	for _, f := range frames {
		h.seq = f.seq
		h.recent.add(f)
		h.moved = h.moved || f.moves
		if t := h.topics[f.subject]; t != nil {
			h.note(f.subject, t, f.waits)
			h.push(t.listeners, f, now)
		}
		h.push(h.owners[f.owner], f, now)
	}
}

// lose lets go of all listeners, and reads on from seq.
func (h *Hub) lose(ctx context.Context, seq int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	h.head = seq
	h.restart(seq)
	for l := range h.listeners {
		h.drop(l, lost)
	}
}

// sleep waits, or returns when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// ring is the last events of the feed, without a gap.
type ring struct {
	after  int64    // all events after this one are here
	frames []*frame // grows up to ringSize
	oldest int      // once it has grown
}

func (r *ring) add(f *frame) {
	if len(r.frames) < ringSize {
		r.frames = append(r.frames, f)
		return
	}
	r.after = r.frames[r.oldest].seq
	r.frames[r.oldest] = f
	r.oldest = (r.oldest + 1) % ringSize
}

// since are the events after seq that fit; ok is false where some are missing.
func (r *ring) since(seq int64, fits func(*frame) bool) (list []*frame, ok bool) {
	for i := range r.frames {
		if f := r.frames[(r.oldest+i)%len(r.frames)]; f.seq > seq && fits(f) {
			list = append(list, f)
		}
	}
	return list, seq >= r.after
}
