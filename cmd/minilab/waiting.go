package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"
)

// How soon somebody is told that a command waits for its lab, and how often.
const (
	waitingSilence = time.Second
	waitingEvery   = 30 * time.Second
)

// waiting tells why nothing happens while a lab is away or busy.
type waiting struct {
	out io.Writer

	mu    sync.Mutex
	since time.Time // of the first refusal of this bad time
	until time.Time // when a call is made again, as far as it is known
	told  time.Time
}

// tell is for client.WithWaiting. What is over within a second is not told.
func (w *waiting) tell(err error, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if now.Sub(w.until) > waitingSilence { // it has been well in between
		w.since = now
	}
	w.until = until
	if until.Sub(w.since) < waitingSilence || now.Sub(w.told) < waitingEvery {
		return
	}
	w.told = now
	fmt.Fprintf(w.out, "minilab: waiting for the lab: %v\n", short(err))
}

// short leaves the method and the URL out of a network's error.
func short(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
