package sqltaskdb

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/taskdb"
)

// collectTime bounds what one look at the database for its metrics may take.
const collectTime = 5 * time.Second

// The label of work by what it needs has two values: declared operations may be
// any number.
const (
	needsImage  = taskdb.DefaultNeeds
	needsCustom = "custom"
)

const (
	selectQueue = `SELECT priority, needs = 'image', count(*), min(created_at) FROM tasks WHERE ready = 1 GROUP BY 1, 2`
	selectMoves = `SELECT before, state, deleted, count(*), max(seq) FROM events
		WHERE seq > ? AND (before <> state OR deleted = 1) GROUP BY 1, 2, 3`
	selectPending = `SELECT count(*) FROM outbox WHERE ended_at = 0`
	selectOverdue = `SELECT coalesce(min(next_at), 0) FROM outbox_lanes`
)

var (
	descTasks   = prometheus.NewDesc("minilab_tasks", "Tasks that there are, by state.", []string{"state"}, nil)
	descReady   = prometheus.NewDesc("minilab_queue_ready", "Tasks that wait for a worker, by priority and by what they need: image (the built-in operations) or custom.", []string{"priority", "needs"}, nil)
	descOldest  = prometheus.NewDesc("minilab_queue_oldest_seconds", "Age of the oldest task that waits for a worker.", []string{"priority", "needs"}, nil)
	descMoves   = prometheus.NewDesc("minilab_task_moves_total", "Tasks that went from one state to another since this process started; from none: created, to deleted: removed.", []string{"from", "to"}, nil)
	descPending = prometheus.NewDesc("minilab_webhooks_pending", "Webhook messages that are neither delivered nor given up.", nil, nil)
	descOverdue = prometheus.NewDesc("minilab_webhooks_overdue_seconds", "For how long the first pending webhook message could have been attempted and was not.", nil, nil)
)

// move is one way of a task from a state to another.
type move struct{ from, to string }

// Metrics tells Prometheus how many tasks wait and move. It looks when it is
// asked, so that nothing is counted on the way of a task.
type Metrics struct {
	store *Store

	mu    sync.Mutex
	seq   int64 // up to which events are counted
	moves map[move]int64
}

// Metrics begins to count at the present end of the feed.
func (s *Store) Metrics(ctx context.Context) (*Metrics, error) {
	m := &Metrics{store: s, moves: map[move]int64{
		{"none", "not-started"}: 0, {"none", "finished"}: 0, {"not-started", "in-progress"}: 0, {"in-progress", "finished"}: 0,
		{"in-progress", "failed"}: 0, {"in-progress", "not-started"}: 0,
	}}
	err := s.db.Read().QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM events`).Scan(&m.seq)
	return m, s.readFault(ctx, err)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descTasks, descReady, descOldest, descMoves, descPending, descOverdue} {
		to <- d
	}
}

// Collect implements prometheus.Collector. What cannot be read is not there.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), collectTime) //nolint:forbidigo // a collector is given none
	defer cancel()
	for _, collect := range []func(context.Context, chan<- prometheus.Metric) error{m.states, m.queue, m.moved, m.webhooks} {
		if err := collect(ctx, to); err != nil {
			m.store.opt.Log.Warn("a metric cannot be read", "error", m.store.readFault(ctx, err))
			return
		}
	}
}

func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (m *Metrics) states(ctx context.Context, to chan<- prometheus.Metric) error {
	stats, err := m.store.Stats(ctx)
	if err != nil {
		return err
	}
	for state, n := range stats.Counts {
		gauge(to, descTasks, float64(n), string(state))
	}
	return nil
}

// queue always has the lane that most tasks are in, so that an empty one is 0.
func (m *Metrics) queue(ctx context.Context, to chan<- prometheus.Metric) error {
	rows, err := m.store.db.Read().QueryContext(ctx, selectQueue)
	if err != nil {
		return err
	}
	defer rows.Close()
	now, usual := m.store.now(), false
	for rows.Next() {
		var priority int
		var builtIn bool
		var n, oldest int64
		if err := rows.Scan(&priority, &builtIn, &n, &oldest); err != nil {
			return err
		}
		needs := needsCustom
		if builtIn {
			needs = needsImage
		}
		usual = usual || builtIn && priority == 0
		gauge(to, descReady, float64(n), strconv.Itoa(priority), needs)
		gauge(to, descOldest, max(0, float64(now-oldest)/1e6), strconv.Itoa(priority), needs)
	}
	if !usual {
		gauge(to, descReady, 0, "0", needsImage)
		gauge(to, descOldest, 0, "0", needsImage)
	}
	return rows.Err()
}

// moved counts the events since the last time. It is not asked for long enough
// only if more than what the feed keeps has happened.
func (m *Metrics) moved(ctx context.Context, to chan<- prometheus.Metric) error {
	if err := m.read(ctx); err != nil {
		return err
	}
	for way, n := range m.moves {
		to <- prometheus.MustNewConstMetric(descMoves, prometheus.CounterValue, float64(n), way.from, way.to)
	}
	return nil
}

func (m *Metrics) read(ctx context.Context) error {
	rows, err := m.store.db.Read().QueryContext(ctx, selectMoves, m.seq)
	if err != nil {
		return err
	}
	defer rows.Close()
	more, last := map[move]int64{}, m.seq
	for rows.Next() {
		var way move
		var deleted bool
		var n, seq int64
		if err := rows.Scan(&way.from, &way.to, &deleted, &n, &seq); err != nil {
			return err
		}
		if deleted {
			way.to = "deleted"
		}
		more[move{or(way.from, "none"), way.to}] += n
		last = max(last, seq)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for way, n := range more {
		m.moves[way] += n
	}
	m.seq = last
	return nil
}

func (m *Metrics) webhooks(ctx context.Context, to chan<- prometheus.Metric) error {
	var pending, due int64
	if err := m.store.db.Read().QueryRowContext(ctx, selectPending).Scan(&pending); err != nil {
		return err
	}
	if err := m.store.db.Read().QueryRowContext(ctx, selectOverdue).Scan(&due); err != nil {
		return err
	}
	gauge(to, descPending, float64(pending))
	overdue := 0.0
	if due > 0 {
		overdue = max(0, float64(m.store.now()-due)/1e6)
	}
	gauge(to, descOverdue, overdue)
	return nil
}
