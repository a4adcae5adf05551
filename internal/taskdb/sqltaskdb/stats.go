package sqltaskdb

import (
	"context"
	"time"

	"minilab/internal/taskdb"
)

const selectStats = `SELECT
	(SELECT count(*) FROM tasks WHERE ready = 2 AND run_at > ?1),
	(SELECT coalesce(min(created_at), ?1) FROM tasks WHERE ready > 0),
	(SELECT coalesce(sum(n), 0) FROM throughput WHERE second > ?2 AND state = 'finished'),
	(SELECT coalesce(sum(n), 0) FROM throughput WHERE second > ?2 AND state = 'failed'),
	(SELECT coalesce(max(seq), 0) FROM events), state, n FROM counts`

// Stats implements taskdb.Queue.
func (s *Store) Stats(ctx context.Context) (taskdb.Stats, error) {
	now := s.now()
	stats := taskdb.Stats{Counts: map[taskdb.State]int64{}}
	rows, err := s.db.Read().QueryContext(ctx, selectStats, now, now/1e6-60)
	if err != nil {
		return stats, s.readFault(ctx, err)
	}
	defer rows.Close()
	var later, oldest int64
	for rows.Next() {
		var state taskdb.State
		var n int64
		if err := rows.Scan(&later, &oldest, &stats.FinishedMinute, &stats.FailedMinute, &stats.LastSeq, &state, &n); err != nil {
			return stats, s.readFault(ctx, err)
		}
		stats.Counts[state] = n
	}
	stats.Ready = stats.Counts[taskdb.NotStarted] - later
	stats.OldestAge = max(0, time.Duration(now-oldest)*time.Microsecond)
	return stats, s.readFault(ctx, rows.Err())
}
