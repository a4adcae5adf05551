package mesh

import (
	"sync"
	"time"
)

// maxBelieved bounds how many tokens are kept. A caller has a new one each half
// minute.
const maxBelieved = 1000

// believed are tokens that were checked, so that one that comes with a thousand
// calls is checked once.
type believed struct {
	mu   sync.RWMutex
	list map[string]belief
}

// belief is what was found out about a token, and while it is true.
type belief struct {
	claims claims
	by     *keys
	until  time.Time
}

// find gives what is known of a token, which is nothing once it has expired or
// the secrets are others.
func (b *believed) find(text string, k *keys, now time.Time) (claims, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	f, ok := b.list[text]
	return f.claims, ok && f.by == k && now.Before(f.until)
}

func (b *believed) add(text string, k *keys, c claims) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.list == nil || len(b.list) >= maxBelieved {
		b.list = map[string]belief{}
	}
	b.list[text] = belief{c, k, c.ExpiresAt.Add(leeway)}
}
