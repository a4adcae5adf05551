package filestorage

import "sync"

// dirSync makes the names in a directory durable. Callers that come while an
// fsync runs share the next one: an fsync covers whatever was renamed before
// it started.
type dirSync struct {
	fsync func() error
	busy  chan struct{} // holds a token while a round runs

	mu   sync.Mutex
	next *round // has not started and may be joined, or nil
}

type round struct {
	done chan struct{}
	err  error // to be read after done
}

func newDirSync(fsync func() error) *dirSync {
	return &dirSync{fsync: fsync, busy: make(chan struct{}, 1)}
}

// wait returns when an fsync that started after the call has ended.
func (d *dirSync) wait() error {
	r, leads := d.join()
	if leads {
		d.run(r)
	}
	<-r.done
	return r.err
}

func (d *dirSync) join() (r *round, leads bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next != nil {
		return d.next, false
	}
	d.next = &round{done: make(chan struct{})}
	return d.next, true
}

func (d *dirSync) run(r *round) {
	d.busy <- struct{}{}
	defer func() { <-d.busy }()
	d.mu.Lock()
	d.next = nil // whoever comes from here on is not covered by this round
	d.mu.Unlock()
	r.err = d.fsync()
	close(r.done)
}
