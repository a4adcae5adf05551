package leases

import (
	"sync"
	"time"
)

// clock is the task database's: it stands still until the test moves it.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	holds map[any]time.Time // it does not go past any of these
	inTx  func()            // run by the next reading, which is within a transaction
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), holds: map[any]time.Time{}}
}

// Now is given to the task database, which reads it within its transactions.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	hook, now := c.inTx, c.now
	c.inTx = nil
	c.mu.Unlock()
	if hook != nil {
		hook()
	}
	return now
}

// time is Now for the test itself.
func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) micros() int64 { return c.time().UnixMicro() }

// pass moves the clock, but not past what somebody has still to do in time.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := c.now.Add(d)
	for _, until := range c.holds {
		if until.Before(to) {
			to = until
		}
	}
	if to.After(c.now) {
		c.now = to
	}
}

// hold promises that whoever has the key does something before until.
func (c *clock) hold(key any, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds[key] = until
}

func (c *clock) free(key any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.holds, key)
}

// within runs f in the midst of the next transaction.
func (c *clock) within(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inTx = f
}
