package filestorage

import "sync"

// dirSync makes the names in a directory durable. Callers that come while an
// fsync runs share the next one: an fsync covers whatever was renamed before
// it started.
//
// The kernel tells of a failed write once and takes the bytes for written from
// then on: an fsync that follows a failed one says nothing of what was renamed
// before that one's end. So it fails those who wait for the next one too, and
// those who come to wait later for what they did before, which is why they
// say with failures when they began.
type dirSync struct {
	fsync func() error
	busy  chan struct{} // holds a token while a round runs

	mu       sync.Mutex
	next     *round // has not started and may be joined, or nil
	failed   error  // of the last fsync that failed
	failures int    // how many have
}

type round struct {
	done chan struct{}
	err  error // to be read after done
}

func newDirSync(fsync func() error) *dirSync {
	return &dirSync{fsync: fsync, busy: make(chan struct{}, 1)}
}

// begun is to be asked for right before a name is changed, and given to wait.
func (d *dirSync) begun() (failures int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failures
}

// wait returns when an fsync that started after the call has ended, or at once
// when one has failed since begun.
func (d *dirSync) wait(begun int) error {
	r, leads, err := d.join(begun)
	if err != nil {
		return err
	}
	if leads {
		d.run(r)
	}
	<-r.done
	return r.err
}

func (d *dirSync) join(begun int) (r *round, leads bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failures != begun {
		return nil, false, d.failed
	}
	if d.next != nil {
		return d.next, false, nil
	}
	d.next = &round{done: make(chan struct{})}
	return d.next, true, nil
}

func (d *dirSync) run(r *round) {
	d.busy <- struct{}{}
	defer func() { <-d.busy }()
	if d.begin(r) {
		d.end(r, d.fsync())
	}
}

// begin says whether the round still is to run. Whoever comes from here on is
// not covered by it.
func (d *dirSync) begin(r *round) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next != r {
		return false
	}
	d.next = nil
	return true
}

func (d *dirSync) end(r *round, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.close(err)
	if err == nil {
		return
	}
	d.failed = err
	d.failures++
	if d.next != nil {
		d.next.close(err)
		d.next = nil
	}
}

func (r *round) close(err error) {
	r.err = err
	close(r.done)
}

// doubt is the error after which nobody can say of an old change of a name, as
// opposed to one that is made now, whether it is durable; nil while there was
// none.
func (d *dirSync) doubt() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}
