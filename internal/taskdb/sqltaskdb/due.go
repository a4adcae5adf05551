package sqltaskdb

import "context"

// promoteMax is how many tasks whose time has come one transaction makes
// ready.
const promoteMax = 256

const (
	promote = `UPDATE tasks SET ready = 1 WHERE id IN (
			SELECT id FROM tasks WHERE ready = 2 AND run_at <= ? ORDER BY run_at LIMIT ?)
		RETURNING needs`
	nextDue = `SELECT coalesce(min(run_at), 0) FROM tasks WHERE ready = 2`
)

// promoteReady makes tasks ready whose time has come, a part of them if there
// are many. It gives the time of the next one, 0 for none.
func promoteReady(c *change) (due int64, err error) {
	if due, err = readDue(c); err != nil || due == 0 || due > c.now {
		return due, err
	}
	rows, err := c.Query(promote, c.now, promoteMax)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var needs string
		if err := rows.Scan(&needs); err != nil {
			return 0, err
		}
		c.becameReady(needs)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	return readDue(c)
}

func readDue(tx Tx) (due int64, err error) {
	err = tx.QueryRow(nextDue).Scan(&due)
	return due, err
}

// promoteDue is the alarm for work whose time has come. It is armed again
// while somebody waits.
func (s *Store) promoteDue(ctx context.Context) {
	if s.claims.none() {
		return
	}
	var due int64
	err := s.write(ctx, func(c *change) (err error) {
		due, err = promoteReady(c)
		return err
	})
	if err != nil {
		s.opt.Log.Error("waiting work could not be made ready", "error", err)
		due = s.now() + s.opt.Lease.Microseconds()/6
	}
	if due > 0 {
		s.due.within(s.until(due))
	}
}
