// Package sqlitekv is the embedded key-value store: one SQLite file.
//
//	store, err := sqlitekv.Open(ctx, sqlitekv.Config{Path: "DIR/kv.db", Log: log})
//	defer store.Close()
//
// Entries and the latest changes are in the file; a copy of the changes and
// the deadlines of the keys with a TTL are in memory. Deadlines are counted on
// the monotonic clock of the process, so no step of the wall clock ends a key's
// life, renewing a key costs no write, and a restart starts every TTL afresh.
package sqlitekv

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/sqlitedb"
)

// Defaults of Config.
const (
	DefaultEvents = 10_000
	maxEventBytes = 16 << 20 // of keys and values in the log of changes
)

var errClosed = fault.ErrUnavailable.Detailf("the key-value store is stopping")

//go:embed migrations/*.sql
var embedded embed.FS

// Config says where a store is. The zero value of a field but Path is its default.
type Config struct {
	Path   string       // of the database file
	Events int          // how many changes are kept at most for watchers; DefaultEvents
	Log    *slog.Logger // of what goes wrong in the background; none

	Commits func(operations int, took time.Duration) // is told of each commit; nil: nobody
}

// Store implements kv.Store.
type Store struct {
	db    *sqlitedb.DB
	log   *slog.Logger
	feed  *feed
	lives *lives

	stop    context.CancelFunc
	stopped chan struct{}
}

var _ kv.Store = (*Store)(nil)

// Open opens the store and makes it when it is not there. The errors are those
// of sqlitedb.Open.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Events <= 0 {
		c.Events = DefaultEvents
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sqlitedb.Open(ctx, c.Path, migrations, sqlitedb.Commits(c.Commits))
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, log: c.Log, feed: newFeed(c.Events, maxEventBytes), lives: newLives(), stopped: make(chan struct{})}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("kv %s: %w", c.Path, sqlitedb.Fault(err)), db.Close())
	}
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go s.sweep(sweeping)
	return s, nil
}

// Close ends the watches with an error and lets go of the file. Nothing is
// lost: every answered Put is on the disk.
func (s *Store) Close() error {
	s.feed.close()
	s.stop()
	<-s.stopped
	return s.db.Close()
}

const (
	selectEntry   = `SELECT value, revision, ttl FROM entries WHERE key = ?`
	selectEntries = `SELECT key, value, revision, ttl FROM entries WHERE key >= ? AND key < ? ORDER BY key`
)

// load fills the memory from the file.
func (s *Store) load(ctx context.Context) error {
	if err := s.loadFeed(ctx); err != nil {
		return err
	}
	return s.loadLives(ctx)
}

func (s *Store) loadFeed(ctx context.Context) error {
	var revision int64
	if err := s.db.Read().QueryRowContext(ctx, `SELECT revision FROM store`).Scan(&revision); err != nil {
		return err
	}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT revision, key, value, ttl, deleted FROM events ORDER BY revision`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e kv.Event
		if err := rows.Scan(&e.Revision, &e.Key, &e.Value, &e.TTL, &e.Deleted); err != nil {
			return err
		}
		s.feed.append(e)
	}
	s.feed.reach(revision)
	return rows.Err()
}

func (s *Store) loadLives(ctx context.Context) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT key, revision, ttl FROM entries WHERE ttl > 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var revision int64
		var ttl time.Duration
		if err := rows.Scan(&key, &revision, &ttl); err != nil {
			return err
		}
		s.lives.begin(key, revision, ttl)
	}
	return rows.Err()
}
