package sqltaskdb

import (
	"context"
	"time"

	"minilab/internal/taskdb"
)

// What is beyond the feed's limits is looked for a while after a change.
const (
	trimEvery = time.Minute
	trimMax   = 1000 // rows of one transaction
)

const selectEvents = `SELECT seq, task_id, owner, before, state, deleted, token, at, error_code, error_detail, progress, stage,
		(SELECT upto FROM compaction)
	FROM events WHERE seq > ? ORDER BY seq LIMIT 0 + ?` // see laneQuery

// Events implements taskdb.Feed.
func (s *Store) Events(ctx context.Context, after int64, limit int, wait time.Duration) ([]taskdb.Event, error) {
	timeout := time.NewTimer(min(wait, taskdb.MaxWait))
	defer timeout.Stop()
	for {
		changed := s.feed.next() // before reading, so that nothing slips in between
		list, err := s.events(ctx, after, taskdb.PageLimit(limit))
		if err != nil || len(list) > 0 || wait <= 0 {
			return list, err
		}
		select {
		case <-changed:
		case <-timeout.C:
			return list, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-s.closed:
			return nil, ErrClosed
		}
	}
}

func (s *Store) events(ctx context.Context, after int64, limit int) ([]taskdb.Event, error) {
	rows, err := s.db.Read().QueryContext(ctx, selectEvents, after, limit)
	if err != nil {
		return nil, s.readFault(ctx, err)
	}
	defer rows.Close()
	list := []taskdb.Event{}
	for rows.Next() {
		e, gone, err := scanEvent(rows)
		if err != nil {
			return nil, s.readFault(ctx, err)
		}
		if max(after, 0) < gone {
			return nil, taskdb.ErrCompacted.Detailf("the events up to %d are no longer kept", gone)
		}
		list = append(list, e)
	}
	return list, s.readFault(ctx, rows.Err())
}

// scanEvent also gives the last seq that is no longer kept.
func scanEvent(rows scanner) (e taskdb.Event, gone int64, err error) {
	var micros int64
	var code, detail string
	err = rows.Scan(&e.Seq, &e.ID, &e.Owner, &e.From, &e.State, &e.Deleted, &e.Token, &micros, &code, &detail, &e.Progress, &e.Stage, &gone)
	e.Time, e.Error = at(micros), errorOf(code, detail)
	return e, gone, err
}
