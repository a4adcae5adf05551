package sqlitekv

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"minilab/internal/sqlitedb"
)

// retrySweep is how long the sweeper waits after the disk has failed it. The
// keys are invisible meanwhile.
const retrySweep = time.Second

// life is the time that an entry has. The revision tells it from a later life
// of the same key: what a reader or the sweeper finds in the file belongs to a
// life only if it has its revision.
type life struct {
	revision int64
	ttl      time.Duration
	deadline time.Time
}

// lives are the entries that expire. They change after the commit of what they
// belong to, in the order of commits, except that renewing needs no commit.
type lives struct {
	earlier chan struct{} // told when a deadline is before the one awaited

	mu      sync.Mutex
	of      map[string]life
	awaited time.Time // zero: none
}

func newLives() *lives {
	return &lives{earlier: make(chan struct{}, 1), of: map[string]life{}}
}

// begin starts a life; without a TTL it ends the one that the key had.
func (l *lives) begin(key string, revision int64, ttl time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ttl == 0 {
		delete(l.of, key)
		return
	}
	deadline := time.Now().Add(ttl)
	l.of[key] = life{revision, ttl, deadline}
	if l.awaited.IsZero() || deadline.Before(l.awaited) {
		select {
		case l.earlier <- struct{}{}:
		default: // told already
		}
	}
}

// renew starts the TTL of a life afresh; it is false when it was too late. The
// life of a put that is not committed yet begins later anyway.
func (l *lives) renew(key string, revision int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	life, ok := l.of[key]
	if !ok || life.revision != revision {
		return true
	}
	now := time.Now()
	if !now.Before(life.deadline) {
		return false
	}
	life.deadline = now.Add(life.ttl)
	l.of[key] = life
	return true
}

// end forgets the life of a key that has been removed.
func (l *lives) end(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.of, key)
}

// expired is the revision at which the key has expired, or 0.
func (l *lives) expired(key string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if life, ok := l.of[key]; ok && !time.Now().Before(life.deadline) {
		return life.revision
	}
	return 0
}

// allExpired are the keys that have expired, with their revisions.
func (l *lives) allExpired() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, all := time.Now(), map[string]int64{}
	for key, life := range l.of {
		if !now.Before(life.deadline) {
			all[key] = life.revision
		}
	}
	return all
}

// await is the time until the next deadline; false when there is none.
func (l *lives) await() (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.awaited = time.Time{}
	for _, life := range l.of {
		if l.awaited.IsZero() || life.deadline.Before(l.awaited) {
			l.awaited = life.deadline
		}
	}
	return time.Until(l.awaited), !l.awaited.IsZero()
}

// sweep removes what has expired, as it expires. It sleeps until the next
// deadline, and for ever when nothing expires.
func (s *Store) sweep(ctx context.Context) {
	defer close(s.stopped)
	for {
		var due <-chan time.Time
		if wait, ok := s.lives.await(); ok {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.lives.earlier:
		case <-due:
			s.removeExpired(ctx)
		}
	}
}

// removeExpired queues every removal at once, so that they share commits.
func (s *Store) removeExpired(ctx context.Context) {
	var removals errgroup.Group
	for key := range s.lives.allExpired() {
		removals.Go(func() error {
			return s.db.Write(ctx, func(tx *sqlitedb.Tx) error { return s.expire(tx, key) })
		})
	}
	err := removals.Wait()
	if err == nil || ctx.Err() != nil {
		return
	}
	s.log.Error("expired keys cannot be removed", "error", err.Error())
	select {
	case <-time.After(retrySweep):
	case <-ctx.Done():
	}
}

func (s *Store) expire(tx *sqlitedb.Tx, key string) error {
	current, err := s.current(tx, key) // removes it, unless it has another life by now
	if err == nil && current == nil {
		tx.AfterCommit(func() { s.lives.end(key) })
	}
	return err
}
