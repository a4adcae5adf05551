package sqlitekv

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"minilab/internal/kv"
	"minilab/internal/sqlitedb"
)

// Get implements kv.Store.
func (s *Store) Get(ctx context.Context, key string) (kv.Entry, error) {
	if err := kv.CheckKey(key); err != nil {
		return kv.Entry{}, err
	}
	// Asked before the row is read: a row of a later revision is a new life.
	expired := s.lives.expired(key)
	e := kv.Entry{Key: key}
	err := s.db.Read().QueryRowContext(ctx, selectEntry, []byte(key)).Scan(&e.Value, &e.Revision, &e.TTL)
	if errors.Is(err, sql.ErrNoRows) || err == nil && e.Revision == expired {
		return kv.Entry{}, kv.ErrNotFound.Detailf("there is no key %q", key)
	}
	if err != nil {
		return kv.Entry{}, fmt.Errorf("kv get %q: %w", key, sqlitedb.Fault(err))
	}
	return e, nil
}

// List implements kv.Store.
func (s *Store) List(ctx context.Context, prefix, cursor string, limit int) (kv.Page, error) {
	from, err := kv.ParseCursor(prefix, cursor)
	if err != nil {
		return kv.Page{}, err
	}
	page := kv.Page{Revision: from.Revision}
	start := []byte(prefix)
	if cursor == "" {
		page.Revision = s.feed.last() // before the rows are read: they may be newer, not older
	} else {
		start = append([]byte(from.After), 0) // the first key that may follow
	}
	err = s.fill(ctx, &page, start, prefixEnd(prefix), kv.PageLimit(limit))
	if err != nil {
		return kv.Page{}, fmt.Errorf("kv list %q: %w", prefix, sqlitedb.Fault(err))
	}
	return page, nil
}

// fill reads entries into a page and sets its cursor when there are more.
func (s *Store) fill(ctx context.Context, page *kv.Page, start, end []byte, limit int) error {
	expired := s.lives.allExpired()
	rows, err := s.db.Read().QueryContext(ctx, selectEntries, start, end)
	if err != nil {
		return err
	}
	defer rows.Close()
	for bytes := 0; rows.Next(); {
		var e kv.Entry
		if err := rows.Scan(&e.Key, &e.Value, &e.Revision, &e.TTL); err != nil {
			return err
		}
		if expired[e.Key] == e.Revision {
			continue
		}
		if n := len(page.Entries); n == limit || bytes > kv.MaxPageBytes {
			page.Next = kv.Cursor{Revision: page.Revision, After: page.Entries[n-1].Key}.String()
			return nil
		}
		page.Entries = append(page.Entries, e)
		bytes += len(e.Value)
	}
	return rows.Err()
}

// prefixEnd is the least text above every key that starts with prefix. The
// byte 0xff is in no UTF-8 text.
func prefixEnd(prefix string) []byte {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return []byte{0xff}
	}
	end[len(end)-1]++
	return end
}
