package sqltaskdb

import (
	"sync"
	"time"
)

// alarm runs a function once, at the earliest of the times that were asked
// for since it ran last. Nothing runs while nobody asks.
type alarm struct {
	mu      sync.Mutex
	run     func()
	timer   *time.Timer // nil: not armed
	at      time.Time
	stopped bool
	running sync.WaitGroup
}

func newAlarm(run func()) *alarm { return &alarm{run: run} }

// within arms the alarm for d from now unless it goes off earlier anyway.
func (a *alarm) within(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := time.Now().Add(d)
	if a.stopped || a.timer != nil && !at.Before(a.at) {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.at = at
	a.timer = time.AfterFunc(max(d, time.Millisecond), func() { a.fire(at) })
}

func (a *alarm) fire(at time.Time) {
	a.mu.Lock()
	if a.stopped || !a.at.Equal(at) {
		a.mu.Unlock()
		return
	}
	a.timer = nil
	a.running.Add(1)
	a.mu.Unlock()
	defer a.running.Done()
	a.run()
}

// stop disarms the alarm for good and waits for a run that is under way.
func (a *alarm) stop() {
	a.mu.Lock()
	a.stopped = true
	if a.timer != nil {
		a.timer.Stop()
	}
	a.mu.Unlock()
	a.running.Wait()
}
