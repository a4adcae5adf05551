package live

import (
	"context"
	"time"
)

// Streams are kept alive by pings, for proxies cut what is silent. One ticker
// serves all of them.
const (
	pingTick  = time.Second
	pingEvery = 15 * time.Second
	lifetime  = 15 * time.Minute // then the reader comes again, and shows its key
)

// ping has those written to who have not been for a while.
func (h *Hub) ping(context.Context) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		switch {
		case now.Sub(l.opened) >= lifetime:
			h.drop(l, aged)
		case now.Sub(l.touched) >= pingEvery:
			l.ping, l.touched = true, now
			poke(l.wake)
		}
	}
}
