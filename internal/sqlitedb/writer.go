package sqlitedb

import (
	"context"
	"database/sql"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// States of an operation in the queue: whoever leaves queued first decides.
const (
	queued int32 = iota
	taken
	abandoned
)

// operation is one call of Write.
type operation struct {
	run   func(*Tx) error
	state atomic.Int32
	hooks []func()
	err   error
	done  chan struct{}
}

// writer owns the connection that writes.
type writer struct {
	conn    *conn
	limit   int
	queue   chan *operation
	ended   chan struct{}
	commits func(operations int, took time.Duration)

	failed error // to close; to be read when ended is closed

	closing sync.RWMutex // held for reading while an operation is put into the queue
	closed  bool
}

func newWriter(ctx context.Context, c *sql.Conn, o options) *writer {
	w := &writer{
		conn:    &conn{ctx: context.WithoutCancel(ctx), sql: c, statements: map[string]*sql.Stmt{}},
		limit:   o.group,
		queue:   make(chan *operation, o.group),
		ended:   make(chan struct{}),
		commits: o.commits,
	}
	go w.work()
	return w
}

func (w *writer) do(ctx context.Context, f func(*Tx) error) error {
	op := &operation{run: f, done: make(chan struct{})}
	if err := w.enqueue(ctx, op); err != nil {
		return err
	}
	select {
	case <-op.done:
	case <-ctx.Done():
		if op.state.CompareAndSwap(queued, abandoned) {
			return context.Cause(ctx)
		}
		<-op.done
	}
	return op.err
}

func (w *writer) enqueue(ctx context.Context, op *operation) error {
	w.closing.RLock()
	defer w.closing.RUnlock()
	if w.closed {
		return ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case w.queue <- op:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close waits for what is queued; it says whether it was the first to close.
func (w *writer) close() (first bool, err error) {
	w.closing.Lock()
	first = !w.closed
	if first {
		w.closed = true
		close(w.queue)
	}
	w.closing.Unlock()
	<-w.ended
	return first, w.failed
}

func (w *writer) work() {
	defer close(w.ended)
	for op := range w.queue {
		if group := w.gather(op); len(group) > 0 {
			w.commit(group)
		}
	}
	w.failed = w.conn.close()
}

// gather takes first and whatever waits behind it, without waiting itself: the
// next group forms while this one is written.
func (w *writer) gather(first *operation) []*operation {
	var group []*operation
	for op := first; op != nil; op = w.next(len(group)) {
		if op.state.CompareAndSwap(queued, taken) {
			group = append(group, op)
		}
	}
	return group
}

func (w *writer) next(have int) *operation {
	if have >= w.limit {
		return nil
	}
	select {
	case op := <-w.queue: // nil when closed and empty
		return op
	default:
		return nil
	}
}

// commit runs a group in one transaction and answers each of its operations.
func (w *writer) commit(group []*operation) {
	began := time.Now()
	err := w.transact(group)
	if err == nil {
		w.commits(len(group), time.Since(began))
	} else {
		_, _ = w.conn.exec("ROLLBACK") // fails when SQLite has done so itself
		for _, op := range group {
			if op.err == nil {
				op.err = fmt.Errorf("commit: %w", err)
			}
		}
	}
	for _, op := range group {
		if op.err == nil {
			op.err = runHooks(op.hooks)
		}
		close(op.done)
	}
}

func (w *writer) transact(group []*operation) error {
	if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, op := range group {
		if err := w.perform(op); err != nil {
			return err
		}
	}
	_, err := w.conn.exec("COMMIT")
	return err
}

// perform runs one operation behind a savepoint. Its own error stays in the
// operation; the error returned is one that breaks the transaction.
func (w *writer) perform(op *operation) error {
	if _, err := w.conn.exec("SAVEPOINT operation"); err != nil {
		return err
	}
	tx := &Tx{conn: w.conn}
	op.err = call(op.run, tx)
	op.hooks = tx.hooks
	tx.closeRows()
	if tx.broken != nil {
		op.err = tx.broken // whatever the function made of it
		return tx.broken
	}
	if op.err != nil {
		if _, err := w.conn.exec("ROLLBACK TO operation"); err != nil {
			return err
		}
	}
	_, err := w.conn.exec("RELEASE operation")
	return err
}

// call turns a panic into an error: it is one caller's defect, and the writer
// is everybody's.
func call(f func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic in a write: %v\n%s", v, debug.Stack())
		}
	}()
	return f(tx)
}

// runHooks runs all hooks; a panic in one is the error, though the operation
// is durable.
func runHooks(hooks []func()) error {
	var failed error
	for _, hook := range hooks {
		err := call(func(*Tx) error { hook(); return nil }, nil)
		if failed == nil {
			failed = err
		}
	}
	return failed
}
