package sqltaskdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"minilab/internal/taskdb"
)

// Each counts no further than its limit. Those of a lane are counted from one
// asked task to the next, so that a lane is read once, whoever is asked for.
const (
	selectWaiting = `SELECT owner, priority, needs, created_at FROM tasks WHERE id = ? AND ready = 1`

	countOlder = `SELECT count(*) FROM (SELECT 1 FROM tasks WHERE ready = 1 AND owner = ? AND priority = ? AND needs = ?
		AND (created_at, id) >= (?, ?) AND (created_at, id) < (?, ?) LIMIT 0 + ?) AS u`

	// The lanes of a priority that are next, with their lengths.
	selectLanes = `SELECT owner, turn, (SELECT count(*) FROM (SELECT 1 FROM tasks AS t
			WHERE t.ready = 1 AND t.owner = l.owner AND t.priority = l.priority AND t.needs = l.needs LIMIT 0 + ?) AS u)
		FROM lanes AS l WHERE needs = ? AND priority = ? ORDER BY turn LIMIT 0 + ?`
	countLanes = `SELECT count(*) FROM (SELECT 1 FROM lanes WHERE needs = ? AND priority = ? LIMIT 0 + ?) AS u`

	nextLevel = `SELECT max(priority) FROM lanes WHERE needs = ? AND priority < ?`

	selectPace = `SELECT coalesce(sum(n), 0) FROM throughput WHERE second > ?`
)

// waiting is a task whose place is asked for.
type waiting struct {
	at      []int // in the list of ids
	id      string
	lane    lane
	needs   string
	created int64
	place   int // in its own lane, from 1
}

// level are the lanes of one priority.
type level struct {
	priority int
	lanes    []length
	total    int // of lanes; more than are looked at
}

// length is how long a lane is, up to MaxAhead.
type length struct {
	owner string
	turn  int64
	n     int
}

// Places implements taskdb.Queue. What it is told while others claim is of one
// moment or the next.
func (s *Store) Places(ctx context.Context, ids []string) ([]taskdb.Place, error) {
	if err := taskdb.CheckPlaces(len(ids)); err != nil {
		return nil, err
	}
	places := make([]taskdb.Place, len(ids))
	q := queue{db: s.db.Read(), levels: map[string][]level{}}
	list, err := q.waiting(ctx, ids)
	if err != nil || len(list) == 0 {
		return places, s.readFault(ctx, err)
	}
	var pace int64 // tasks a minute
	if err := q.db.QueryRowContext(ctx, selectPace, s.now()/1e6-60).Scan(&pace); err != nil {
		return nil, s.readFault(ctx, err)
	}
	for _, w := range list {
		ahead, err := q.ahead(ctx, w)
		if err != nil {
			return nil, s.readFault(ctx, err)
		}
		p := taskdb.Place{Ahead: ahead}
		if pace > 0 {
			p.Wait = time.Duration(ahead) * time.Minute / time.Duration(pace)
		}
		for _, i := range w.at {
			places[i] = p
		}
	}
	return places, nil
}

// queue is one look at what waits.
type queue struct {
	db     Reader
	levels map[string][]level // by need, the highest priority first
}

// waiting finds those that wait and their places in their own lanes.
func (q queue) waiting(ctx context.Context, ids []string) (list []*waiting, err error) {
	found := map[string]*waiting{}
	for i, id := range ids {
		w := found[id]
		if w == nil {
			w = &waiting{id: id}
			err := q.db.QueryRowContext(ctx, selectWaiting, id).Scan(&w.lane.owner, &w.lane.priority, &w.needs, &w.created)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return nil, err
			}
			found[id] = w
			list = append(list, w)
		}
		w.at = append(w.at, i)
	}
	slices.SortFunc(list, func(a, b *waiting) int {
		return cmp.Or(cmp.Compare(a.lane.owner, b.lane.owner), cmp.Compare(a.lane.priority, b.lane.priority), cmp.Compare(a.needs, b.needs),
			cmp.Compare(a.created, b.created), cmp.Compare(a.id, b.id))
	})
	return list, q.inLanes(ctx, list)
}

// inLanes numbers tasks, of which those of a lane are together and by age.
func (q queue) inLanes(ctx context.Context, list []*waiting) error {
	last := &waiting{}
	for _, w := range list {
		if w.lane != last.lane || w.needs != last.needs {
			last = &waiting{place: 1}
		}
		var n int
		err := q.db.QueryRowContext(ctx, countOlder, w.lane.owner, w.lane.priority, w.needs, last.created, last.id, w.created, w.id,
			max(taskdb.MaxAhead+1-last.place, 0)).Scan(&n)
		if err != nil {
			return err
		}
		w.place = last.place + n
		last = w
	}
	return nil
}

// ahead is how many tasks go before one.
func (q queue) ahead(ctx context.Context, w *waiting) (int, error) {
	ahead := w.place - 1
	levels, err := q.down(ctx, w.needs, w.lane.priority)
	for _, l := range levels {
		switch {
		case l.priority > w.lane.priority:
			ahead += l.all()
		case l.priority == w.lane.priority:
			ahead += l.before(w)
		}
	}
	return min(ahead, taskdb.MaxAhead), err
}

// all is how many tasks a level has.
func (l level) all() (n int) {
	for _, one := range l.lanes {
		n += one.n
	}
	return scale(n, l.total, len(l.lanes))
}

// before is how many tasks of other lanes go before one of the level.
func (l level) before(w *waiting) (n int) {
	own := slices.IndexFunc(l.lanes, func(o length) bool { return o.owner == w.lane.owner })
	others, total := len(l.lanes), l.total-1
	if own >= 0 {
		others--
	}
	for i, o := range l.lanes {
		switch {
		case own < 0 || i < own: // its turn is sooner
			n += min(o.n, w.place)
		case i > own:
			n += min(o.n, w.place-1)
		}
	}
	return scale(n, total, others)
}

// scale takes what was looked at for all.
func scale(n, all, looked int) int {
	if looked == 0 || all <= looked {
		return n
	}
	return n * all / looked
}

// down looks at the levels that there are, each once, down to a priority, and no
// further than it takes to count to MaxAhead.
func (q queue) down(ctx context.Context, needs string, priority int) ([]level, error) {
	list, last, n := q.levels[needs], taskdb.MaxPrio+1, 0
	for _, l := range list {
		last, n = l.priority, n+l.all()
	}
	for last > priority && n < taskdb.MaxAhead {
		var next sql.NullInt64
		if err := q.db.QueryRowContext(ctx, nextLevel, needs, last).Scan(&next); err != nil {
			return nil, err
		}
		if !next.Valid {
			break
		}
		last = int(next.Int64)
		l, err := q.level(ctx, needs, last)
		if err != nil {
			return nil, err
		}
		list, n = append(list, l), n+l.all()
	}
	q.levels[needs] = list
	return list, nil
}

func (q queue) level(ctx context.Context, needs string, priority int) (l level, err error) {
	l.priority = priority
	if l.lanes, err = q.lanes(ctx, needs, priority); err != nil {
		return l, err
	}
	l.total = len(l.lanes)
	if l.total == taskdb.MaxLanes {
		err = q.db.QueryRowContext(ctx, countLanes, needs, priority, taskdb.MaxAhead).Scan(&l.total)
	}
	return l, err
}

func (q queue) lanes(ctx context.Context, needs string, priority int) (list []length, err error) {
	rows, err := q.db.QueryContext(ctx, selectLanes, taskdb.MaxAhead, needs, priority, taskdb.MaxLanes)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l length
		if err := rows.Scan(&l.owner, &l.turn, &l.n); err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, rows.Err()
}
