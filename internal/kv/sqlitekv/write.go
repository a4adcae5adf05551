package sqlitekv

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"minilab/internal/kv"
	"minilab/internal/sqlitedb"
)

// pruneEvery is how many revisions pass between two clean-ups of the table of
// events.
const pruneEvery = 64

// Put implements kv.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, opts kv.PutOptions) (e kv.Entry, created bool, err error) {
	if err := kv.CheckPut(key, value, opts); err != nil {
		return kv.Entry{}, false, err
	}
	e = kv.Entry{Key: key, Value: append([]byte{}, value...), TTL: opts.TTL}
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) (err error) {
		e.Revision, created, err = s.put(tx, e, opts)
		return err
	})
	if err != nil {
		return kv.Entry{}, false, fmt.Errorf("kv put %q: %w", key, err)
	}
	return e, created, nil
}

// put runs on the writer's goroutine.
func (s *Store) put(tx *sqlitedb.Tx, e kv.Entry, opts kv.PutOptions) (revision int64, created bool, err error) {
	current, err := s.current(tx, e.Key)
	if err != nil {
		return 0, false, err
	}
	switch {
	case opts.IfAbsent && current != nil, opts.IfMatch != 0 && (current == nil || current.Revision != opts.IfMatch):
		return 0, false, stale(e.Key, current)
	case current != nil && e.TTL > 0 && current.TTL == e.TTL && bytes.Equal(current.Value, e.Value):
		if s.lives.renew(e.Key, current.Revision) {
			return current.Revision, false, nil
		}
		return s.put(tx, e, opts) // its life ended this very moment
	}
	if e.Revision, err = nextRevision(tx); err != nil {
		return 0, false, err
	}
	_, err = tx.Exec(`INSERT INTO entries (key, value, revision, ttl) VALUES (?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision, ttl = excluded.ttl`,
		[]byte(e.Key), e.Value, e.Revision, int64(e.TTL))
	if err != nil {
		return 0, false, err
	}
	tx.AfterCommit(func() { s.lives.begin(e.Key, e.Revision, e.TTL) })
	return e.Revision, current == nil, s.record(tx, kv.Event{Entry: e})
}

// Delete implements kv.Store.
func (s *Store) Delete(ctx context.Context, key string, ifMatch int64) error {
	if err := kv.CheckKey(key); err != nil {
		return err
	}
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		current, err := s.current(tx, key)
		switch {
		case err != nil:
			return err
		case ifMatch != 0 && (current == nil || current.Revision != ifMatch):
			return stale(key, current)
		case current == nil:
			return nil
		}
		return s.remove(tx, key)
	})
	if err != nil {
		return fmt.Errorf("kv delete %q: %w", key, err)
	}
	return nil
}

// current is the entry of a key, nil when there is none. One that has expired
// and not been swept is removed on the way: whoever writes now comes after.
func (s *Store) current(tx *sqlitedb.Tx, key string) (*kv.Entry, error) {
	e := kv.Entry{Key: key}
	err := tx.QueryRow(selectEntry, []byte(key)).Scan(&e.Value, &e.Revision, &e.TTL)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if s.lives.expired(key) == e.Revision {
		return nil, s.remove(tx, key)
	}
	return &e, nil
}

func (s *Store) remove(tx *sqlitedb.Tx, key string) error {
	revision, err := nextRevision(tx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM entries WHERE key = ?`, []byte(key)); err != nil {
		return err
	}
	tx.AfterCommit(func() { s.lives.end(key) })
	return s.record(tx, kv.Event{Entry: kv.Entry{Key: key, Revision: revision}, Deleted: true})
}

// record writes an event down and tells the watchers once it is durable.
func (s *Store) record(tx *sqlitedb.Tx, e kv.Event) error {
	_, err := tx.Exec(`INSERT INTO events (revision, key, value, ttl, deleted) VALUES (?, ?, ?, ?, ?)`,
		e.Revision, []byte(e.Key), append([]byte{}, e.Value...), int64(e.TTL), e.Deleted)
	if err != nil {
		return err
	}
	e.Value = bytes.Clone(e.Value) // the caller gets the other one
	tx.AfterCommit(func() { s.feed.append(e) })
	if e.Revision%pruneEvery != 0 {
		return nil
	}
	_, err = tx.Exec(`DELETE FROM events WHERE revision <= ?`, s.feed.dropped())
	return err
}

func nextRevision(tx *sqlitedb.Tx) (revision int64, err error) {
	err = tx.QueryRow(`UPDATE store SET revision = revision + 1 RETURNING revision`).Scan(&revision)
	return revision, err
}

func stale(key string, current *kv.Entry) error {
	if current == nil {
		return kv.ErrStale.Detailf("there is no key %q", key)
	}
	return kv.ErrStale.Detailf("the key %q is at revision %d", key, current.Revision)
}
