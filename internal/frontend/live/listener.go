package live

import "time"

// verdict says why a listener is no longer one.
type verdict byte

const (
	listens verdict = iota
	slow            // it does not read
	lost            // the hub has lost its place in the feed
	aged            // it must show again who it is
)

// listener is one stream as the hub sees it. All of it but asked and wake is
// the hub's, under its lock.
type listener struct {
	asked Asked
	wake  chan struct{}
	cut   func() // ends a write that is under way

	from    int64 // its place when it came
	queue   []*frame
	places  int // in the queue
	ping    bool
	verdict verdict
	touched time.Time // last written to, as far as the hub knows
	opened  time.Time
}

// subject is a task of an owner. Whoever names a task of somebody else listens to
// something else.
type subject struct{ owner, task string }

// topic is a task that is listened to by name.
type topic struct {
	listeners map[*listener]struct{}
	waits     bool
	told      int // how many were ahead of it; -1: nobody was told
}

// fits says whether an event is for the listener. Tags are another matter.
func (l *listener) fits(f *frame) bool {
	return f.owner == l.asked.Owner && (len(l.asked.Tasks) == 0 || l.asked.names(f.task))
}

// attach has the listener told what happens after the seq, and gives what has
// happened since then, and up to where; ok is false where the hub does not know
// all of it, or has not read up to known. waits says which tasks wait; nil: none.
func (h *Hub) attach(l *listener, seq, known int64, waits map[string]struct{}) (list []*frame, upto int64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	upto = max(h.seq, seq)
	if list, ok = h.recent.since(seq, l.fits); !ok || upto < known {
		return nil, 0, false
	}
	l.from, l.verdict, l.queue, l.places, l.touched = seq, listens, nil, 0, time.Now()
	h.listeners[l] = struct{}{}
	if len(l.asked.Tasks) == 0 {
		join(h.owners, l.asked.Owner, l)
		return list, upto, true
	}
	for _, id := range l.asked.Tasks {
		key := subject{l.asked.Owner, id}
		t := h.topics[key]
		if t == nil {
			t = &topic{listeners: map[*listener]struct{}{}, told: -1}
			h.topics[key] = t
			_, wait := waits[id]
			h.note(key, t, wait)
		}
		t.listeners[l] = struct{}{}
	}
	for _, f := range list {
		h.note(f.subject, h.topics[f.subject], f.waits)
	}
	return list, upto, true
}

func join(all map[string]map[*listener]struct{}, owner string, l *listener) {
	if all[owner] == nil {
		all[owner] = map[*listener]struct{}{}
	}
	all[owner][l] = struct{}{}
}

// detach is the listener's own way out.
func (h *Hub) detach(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(l)
}

func (h *Hub) remove(l *listener) {
	delete(h.listeners, l)
	for _, id := range l.asked.Tasks {
		key := subject{l.asked.Owner, id}
		if t := h.topics[key]; t != nil {
			delete(t.listeners, l)
			if len(t.listeners) == 0 {
				delete(h.topics, key)
			}
		}
	}
	if delete(h.owners[l.asked.Owner], l); len(h.owners[l.asked.Owner]) == 0 {
		delete(h.owners, l.asked.Owner)
	}
}

// drop ends a listener from the hub's side.
func (h *Hub) drop(l *listener, why verdict) {
	h.remove(l)
	l.verdict = why
	if why == slow {
		l.queue = nil
		l.cut()
	}
	poke(l.wake)
}

// push gives an event to listeners. Those who do not read are let go, but not for
// places, of which one stream can be told a thousand at once.
func (h *Hub) push(listeners map[*listener]struct{}, f *frame, now time.Time) {
	for l := range listeners {
		switch {
		case f.seq != 0 && f.seq <= l.from: // it has it
		case f.seq == 0 && l.from > h.seq: // it knows more of the queue than the hub
		case f.seq != 0 && len(l.queue)-l.places >= maxQueue:
			h.drop(l, slow)
		default:
			if f.seq == 0 {
				l.places++
			}
			l.queue, l.touched = append(l.queue, f), now
			poke(l.wake)
		}
	}
}

// take gives a listener what there is for it, and the place in the feed up to
// which that is all.
func (h *Hub) take(l *listener) (list []*frame, ping bool, seq int64, why verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list, ping = l.queue, l.ping
	l.queue, l.places, l.ping = nil, 0, false
	return list, ping, max(h.seq, l.from), l.verdict
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}
