// Package sqltaskdb is the task database on SQL: the queries and the logic
// that SQLite and PostgreSQL share. Opening one, its schema and its way to
// write are the business of the packages below it.
//
// Every change of a task is one UPDATE under the condition of the state that
// it starts from. The feed, the counts, the owners' lanes and the outbox
// follow from it by the schema's triggers, in the same transaction. After the
// commit those who wait are woken; nothing here polls.
package sqltaskdb

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"minilab/internal/fault"
	"minilab/internal/taskdb"
)

// ErrClosed ends every wait when the database is closed.
var ErrClosed = fault.New(fault.Unavailable, "closed", "the task database has been closed; the service is stopping")

// DB is what the engine needs of a database. Queries have "?" for their
// arguments, or "?1" where one comes more than once.
type DB interface {
	// Write runs f in a transaction and returns when it is durable. An error
	// of f undoes what it did. Once f runs its outcome is told, whatever
	// happens to ctx.
	Write(ctx context.Context, f func(Tx) error) error
	Read() Reader
	Fault(err error) error // what an error of Read's stands for
	Close() error
}

// Reader asks outside of transactions. Texts of queries are prepared once.
type Reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Tx is the view of one transaction. What AfterCommit registers is run in the
// order of the commits.
type Tx interface {
	Exec(query string, args ...any) (sql.Result, error)
	Query(query string, args ...any) (*sql.Rows, error)
	QueryRow(query string, args ...any) *sql.Row
	AfterCommit(f func())
}

// Options are the engine's settings. The zero value is the default.
type Options struct {
	Lease      time.Duration             // how long a lease is good without a heartbeat; 30 s
	Deadline   time.Duration             // how long an attempt may take; 10 min
	MaxWaiting int64                     // tasks in not-started, beyond which none is created; 1,000,000
	KeepEvents int64                     // how many events the feed keeps at least; 1,000,000
	KeepFor    time.Duration             // how long it keeps them at least; 7 days. Only what is beyond both goes
	Backoff    func(n int) time.Duration // taskdb.Backoff
	Now        func() time.Time          // time.Now
	Log        *slog.Logger              // slog.Default

	Commits func(operations int, took time.Duration) // is told of each commit; nil: nobody
}

func (o Options) withDefaults() Options {
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Deadline <= 0 {
		o.Deadline = 10 * time.Minute
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = 1_000_000
	}
	if o.KeepEvents <= 0 {
		o.KeepEvents = 1_000_000
	}
	if o.KeepFor <= 0 {
		o.KeepFor = 7 * 24 * time.Hour
	}
	if o.Backoff == nil {
		o.Backoff = taskdb.Backoff
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Store is a task database. It implements taskdb.Store.
type Store struct {
	db      DB
	opt     Options
	started time.Time
	closing sync.Once
	closed  chan struct{}
	claims  waiters      // for work
	feed    signal       // for events
	outbox  signal       // for deliveries
	newest  atomic.Int64 // row of the outbox that was announced
	due     *alarm       // when waiting work becomes ready
	reaper  *alarm       // when leases are looked through
	trimmer *alarm       // when what is too old is removed
}

// New makes a task database of an open database, which it owns from then on.
// What it does by itself until Close has the values of ctx, not its end.
func New(ctx context.Context, db DB, opt Options) *Store {
	ctx = context.WithoutCancel(ctx)
	s := &Store{db: db, opt: opt.withDefaults(), started: time.Now(), closed: make(chan struct{})}
	s.due = newAlarm(func() { s.promoteDue(ctx) })
	s.reaper = newAlarm(func() { s.reapDue(ctx) })
	s.trimmer = newAlarm(func() { s.trimDue(ctx) })
	s.reapLater()
	s.trimmer.within(trimEvery)
	return s
}

// Close ends all waiting and closes the database. Closing again does nothing.
func (s *Store) Close() error {
	s.closing.Do(func() { close(s.closed) })
	for _, a := range []*alarm{s.due, s.reaper, s.trimmer} {
		a.stop()
	}
	return s.db.Close()
}

func (s *Store) now() int64 { return s.opt.Now().UnixMicro() }

// change is one transaction and what is to be announced once it is durable.
type change struct {
	Tx
	now    int64
	ready  map[string]int // tasks that became ready, by what they need
	due    int64          // when the next one will; 0: unknown
	moved  bool           // there are new events
	leased bool           // there are new leases
	newest int64          // row of the outbox, if there are new events
	queued bool           // there is something in the outbox that may be due
}

// waits notes that a task is in not-started now, ready or not yet.
func (c *change) waits(r *row) {
	c.moved = true
	if r.ready == ready {
		c.becameReady(r.t.Needs)
	} else if c.due == 0 || r.runAt < c.due {
		c.due = r.runAt
	}
}

func (c *change) becameReady(needs string) {
	if c.ready == nil {
		c.ready = map[string]int{}
	}
	c.ready[needs]++
}

// write runs f in a transaction; f may be run again with nothing done.
func (s *Store) write(ctx context.Context, f func(*change) error) error {
	return s.db.Write(ctx, func(tx Tx) error {
		c := &change{Tx: tx, now: s.now()}
		if err := f(c); err != nil {
			return err
		}
		if err := s.noteQueued(c); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.announce(c) })
		return nil
	})
}

// announce wakes those who wait for what a change has brought.
func (s *Store) announce(c *change) {
	for needs, n := range c.ready {
		s.claims.wake(needs, n)
	}
	if c.due > 0 && !s.claims.none() {
		s.due.within(s.until(c.due))
	}
	if c.leased {
		s.reapLater()
	}
	s.announceQueued(c)
	if c.moved {
		s.feed.send()
		s.trimmer.within(trimEvery)
	}
}

// until is how long it is to a time.
func (s *Store) until(at int64) time.Duration {
	return time.Duration(at-s.now()) * time.Microsecond
}
