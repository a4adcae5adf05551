package sqltaskdb

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"minilab/internal/taskdb"
)

const (
	// Both are asked of each need, so that an index answers. SQLite looks at the
	// value of a bare "LIMIT ?" when it plans, and so plans anew for each run.
	laneQuery   = `SELECT owner, priority, turn FROM lanes WHERE needs = ? ORDER BY priority DESC, turn LIMIT 0 + ?`
	oldestQuery = `SELECT id, created_at FROM tasks
		WHERE ready = 1 AND owner = ? AND priority = ? AND needs = ? ORDER BY created_at, id LIMIT 0 + ?`

	// A lane that is empty by now is gone, and has no turn to count.
	served = `UPDATE lanes SET turn = (SELECT max(turn) FROM lanes) + 1 WHERE owner = ? AND priority = ?`
)

// takeTasks is completed by the condition on the tasks to lease.
const takeTasks = `UPDATE tasks SET state = 'in-progress', ready = 0, token = token + 1,
		lease = CAST(token + 1 AS TEXT) || '.' || ?, lease_until = ?, deadline = ?, worker = ?, request = ?,
		progress = 0, told = 0, tells = 0, stage = '', started_at = ?, updated_at = ?
	WHERE `

// takeAgain gives the leases of a repeated request, which are fresh again; not
// those of attempts whose time is over.
var takeAgain = `UPDATE tasks SET lease_until = CASE WHEN deadline < ?1 THEN deadline ELSE ?1 END
	WHERE worker = ?2 AND request = ?3 AND request <> '' AND deadline > ?4 RETURNING ` + columns

// takeOne leases the very task that was asked for.
func (s *Store) takeOne(c *change, r taskdb.ClaimRequest) ([]*row, error) {
	rows, err := s.take(c, r, `id = ? AND ready = 1 AND needs IN (`+marks(r.Accepts)+`)`, append([]any{r.ID}, texts(r.Accepts)...)...)
	if err != nil || len(rows) > 0 {
		return rows, err
	}
	t, err := readTask(c, r.ID)
	switch {
	case err != nil:
		return nil, err
	case t.ready == later:
		return nil, taskdb.ErrTransition.Detailf("the task waits until %s", at(t.runAt).Format(time.RFC3339))
	case t.t.State == taskdb.NotStarted:
		return nil, taskdb.ErrTransition.Detailf("the task needs %q, which is not accepted", t.t.Needs)
	}
	return nil, taskdb.CheckTransition(t.t.State, taskdb.ActClaim, taskdb.InProgress)
}

// lane is an owner's ready work of one priority.
type lane struct {
	priority int
	owner    string
}

// takeFair leases up to r.Max tasks: of the highest priority first, its owners
// in turn, each one's by age.
func (s *Store) takeFair(c *change, r taskdb.ClaimRequest) (list []*row, err error) {
	for len(list) < r.Max {
		lanes, err := nextLanes(c, r.Accepts, r.Max-len(list))
		if err != nil || len(lanes) == 0 {
			return list, err
		}
		round, err := s.takeRound(c, r, lanes, r.Max-len(list))
		if err != nil {
			return nil, err
		}
		if len(round) == 0 {
			return list, nil // a lane without work, which the schema does not let be
		}
		list = append(list, round...)
	}
	return list, nil
}

// takeRound shares n tasks out among lanes; one that has less leaves some over.
func (s *Store) takeRound(c *change, r taskdb.ClaimRequest, lanes []lane, n int) ([]*row, error) {
	each, rest := n/len(lanes), n%len(lanes) // the first ones get one more
	shares := make([][]*row, len(lanes))
	for i, l := range lanes {
		share := each
		if i < rest {
			share++
		}
		rows, err := s.takeFrom(c, r, l, share)
		if err != nil {
			return nil, err
		}
		shares[i] = rows
	}
	for _, l := range slices.Concat(lanes[rest:], lanes[:rest]) { // and are the last served
		if _, err := c.Exec(served, l.owner, l.priority); err != nil {
			return nil, err
		}
	}
	return interleave(shares), nil
}

// nextLanes are the lanes of the highest priority that has work, in turn.
func nextLanes(tx Tx, accepts []string, limit int) ([]lane, error) {
	each := union(accepts, laneQuery)
	rows, err := tx.Query(`SELECT owner, priority FROM (`+each+`) AS l GROUP BY owner, priority ORDER BY priority DESC, min(turn) LIMIT 0 + ?`,
		append(unionArgs(accepts, limit), limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var lanes []lane
	for rows.Next() {
		var l lane
		if err := rows.Scan(&l.owner, &l.priority); err != nil {
			return nil, err
		}
		if len(lanes) > 0 && l.priority < lanes[0].priority {
			break
		}
		lanes = append(lanes, l)
	}
	return lanes, rows.Err()
}

// takeFrom leases the n oldest tasks of a lane.
func (s *Store) takeFrom(c *change, r taskdb.ClaimRequest, l lane, n int) ([]*row, error) {
	each := union(r.Accepts, oldestQuery)
	var args []any
	for _, needs := range r.Accepts {
		args = append(args, l.owner, l.priority, needs, n)
	}
	rows, err := s.take(c, r, `id IN (SELECT id FROM (`+each+`) AS t ORDER BY created_at, id LIMIT 0 + ?)`, append(args, n)...)
	slices.SortFunc(rows, func(a, b *row) int {
		if a.createdAt != b.createdAt {
			return int(a.createdAt - b.createdAt)
		}
		return strings.Compare(a.t.ID, b.t.ID)
	})
	return rows, err
}

// take leases the tasks that fulfil the condition. A lease is its token and
// what cannot be guessed.
func (s *Store) take(c *change, r taskdb.ClaimRequest, condition string, args ...any) ([]*row, error) {
	lease, deadline := s.opt.Lease.Microseconds(), s.opt.Deadline.Microseconds()
	set := []any{rand.Text(), c.now + min(lease, deadline), c.now + deadline, r.Worker, r.Request, c.now, c.now}
	return scanRows(c.Query(takeTasks+condition+` RETURNING `+columns, append(set, args...)...))
}

// union asks the same of each need.
func union(accepts []string, query string) string {
	if len(accepts) == 1 {
		return query
	}
	parts := make([]string, len(accepts))
	for i := range accepts {
		parts[i] = `SELECT * FROM (` + query + `) AS u`
	}
	return strings.Join(parts, ` UNION ALL `)
}

func unionArgs(accepts []string, limit int) (args []any) {
	for _, needs := range accepts {
		args = append(args, needs, limit)
	}
	return args
}

// interleave lists the first of each share, then the second of each, and so on.
func interleave(shares [][]*row) (list []*row) {
	for i := 0; ; i++ {
		before := len(list)
		for _, share := range shares {
			if i < len(share) {
				list = append(list, share[i])
			}
		}
		if len(list) == before {
			return list
		}
	}
}

func marks(list []string) string { return strings.TrimPrefix(strings.Repeat(", ?", len(list)), ", ") }

func texts(list []string) []any {
	args := make([]any, len(list))
	for i, text := range list {
		args[i] = text
	}
	return args
}
