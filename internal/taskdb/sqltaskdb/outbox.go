package sqltaskdb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"minilab/internal/hook"
)

const whyInactive = "the webhook was disabled or removed before"

const (
	dueIn = `SELECT o.id, ` + deliveryColumns + `, o.payload, o.endpoint, w.id IS NOT NULL AND w.disabled_at = 0,
			coalesce(w.secret, c.secret, ''), coalesce(w.old_secret, c.old_secret, ''), coalesce(w.old_until, c.old_until, 0)
		FROM outbox AS o LEFT JOIN webhooks AS w ON w.id = o.hook LEFT JOIN callback_secrets AS c ON o.hook = '' AND c.owner = o.owner
		WHERE o.ended_at = 0 AND o.endpoint = ? AND o.next_at <= ? ORDER BY o.next_at LIMIT 0 + ?`

	holdDelivery = `UPDATE outbox SET hold = ?, next_at = ?, attempts = attempts + 1 WHERE id = ?`
	endDelivery  = `UPDATE outbox SET hold = '', ended_at = ?, outcome = ?, last_error = ? WHERE id = ?`

	closeLane = `DELETE FROM outbox_lanes WHERE endpoint = ?`
	openLane  = `INSERT INTO outbox_lanes (endpoint, next_at)
		SELECT endpoint, next_at FROM outbox WHERE ended_at = 0 AND endpoint = ? ORDER BY next_at LIMIT 1`
)

// ClaimDeliveries implements hook.Outbox.
func (s *Store) ClaimDeliveries(ctx context.Context, r hook.ClaimRequest) ([]hook.Claimed, error) {
	if err := hook.CheckClaim(r); err != nil {
		return nil, err
	}
	if r.Each == 0 {
		r.Each = r.Max
	}
	timeout := time.NewTimer(r.Wait)
	defer timeout.Stop()
	for {
		changed := s.outbox.next() // before looking, so that nothing slips in between
		list, next, err := s.lookForDeliveries(ctx, r)
		if err != nil || len(list) > 0 {
			return list, err
		}
		if next > 0 && next <= s.now() {
			continue // what was due was for nobody
		}
		if r.Wait == 0 {
			return list, nil
		}
		if err := s.untilDue(ctx, next, changed, timeout.C); err != nil {
			return []hook.Claimed{}, ignoreTimeout(err)
		}
	}
}

var errTimeout = errors.New("the time to wait is over")

func ignoreTimeout(err error) error {
	if errors.Is(err, errTimeout) {
		return nil
	}
	return err
}

// untilDue waits until something may be due: at a time, if it is not 0, or
// because of a change.
func (s *Store) untilDue(ctx context.Context, next int64, changed <-chan struct{}, timeout <-chan time.Time) error {
	var due <-chan time.Time
	if next > 0 {
		timer := time.NewTimer(s.until(next))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		return nil
	case <-changed:
		return nil
	case <-timeout:
		return errTimeout
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closed:
		return ErrClosed
	}
}

// lookForDeliveries takes what is due, or says when something will be, 0 for
// never.
func (s *Store) lookForDeliveries(ctx context.Context, r hook.ClaimRequest) (list []hook.Claimed, next int64, err error) {
	list = []hook.Claimed{}
	err = s.db.Read().QueryRowContext(ctx, dueLanes(r.Busy), append(texts(r.Busy), 1)...).Scan(new(string), &next)
	if errors.Is(err, sql.ErrNoRows) {
		return list, 0, nil
	}
	if err != nil || next > s.now() {
		return list, next, s.readFault(ctx, err)
	}
	err = s.write(ctx, func(c *change) (err error) {
		list, err = takeDeliveries(c, r)
		return err
	})
	if err != nil || ctx.Err() == nil || len(list) == 0 {
		return list, next, err
	}
	back := make([]hook.Report, len(list)) // nobody is there to attempt them
	for i, d := range list {
		back[i] = hook.Report{ID: d.ID, Hold: d.Hold, Outcome: hook.Unsent}
	}
	_, err = s.ReportDeliveries(context.WithoutCancel(ctx), back)
	return nil, 0, errors.Join(context.Cause(ctx), err)
}

// takeDeliveries holds what is due, a part of it to each endpoint.
func takeDeliveries(c *change, r hook.ClaimRequest) ([]hook.Claimed, error) {
	lanes, err := lanesDue(c, r.Busy, r.Max)
	if err != nil {
		return nil, err
	}
	list := []hook.Claimed{}
	for _, lane := range lanes {
		if len(list) == r.Max {
			break
		}
		taken, err := takeLane(c, lane, min(r.Each, r.Max-len(list)), r.Hold)
		if err != nil {
			return nil, err
		}
		list = append(list, taken...)
	}
	return list, nil
}

// dueLanes asks for the endpoints to which something is pending, the most
// overdue first, but for so many. See laneQuery for the "0 +".
func dueLanes(but []string) string {
	where := ""
	if len(but) > 0 {
		where = ` WHERE endpoint NOT IN (` + marks(but) + `)`
	}
	return `SELECT endpoint, next_at FROM outbox_lanes` + where + ` ORDER BY next_at LIMIT 0 + ?`
}

func lanesDue(c *change, busy []string, limit int) (lanes []string, err error) {
	rows, err := c.Query(dueLanes(busy), append(texts(busy), limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var lane string
		var next int64
		if err := rows.Scan(&lane, &next); err != nil {
			return nil, err
		}
		if next > c.now {
			break
		}
		lanes = append(lanes, lane)
	}
	return lanes, rows.Err()
}

// takeLane holds up to n deliveries to an endpoint. Those to webhooks that are
// no more are given up.
func takeLane(c *change, lane string, n int, hold time.Duration) (list []hook.Claimed, err error) {
	found, err := dueDeliveries(c, lane, n)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if f.d.Webhook != "" && !f.active {
			_, err = c.Exec(endDelivery, c.now, string(hook.GivenUp), whyInactive, f.id)
		} else {
			err = f.hold(c, hold)
			list = append(list, f.d)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, settleLane(c, lane)
}

// found is a row of the outbox that is due.
type found struct {
	id                int64
	d                 hook.Claimed
	active            bool
	secret, oldSecret string
	oldUntil          int64
}

func dueDeliveries(c *change, lane string, n int) (list []*found, err error) {
	rows, err := c.Query(dueIn, lane, c.now, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		f := &found{}
		row := deliveryRow{d: &f.d.Delivery}
		var data string
		more := []any{&data, &f.d.Endpoint, &f.active, &f.secret, &f.oldSecret, &f.oldUntil}
		if err := rows.Scan(append(append([]any{&f.id}, row.dest()...), more...)...); err != nil {
			return nil, err
		}
		row.decode()
		f.d.Data = json.RawMessage(data)
		list = append(list, f)
	}
	return list, rows.Err()
}

// hold gives the delivery to the caller, with what it is to be signed with.
func (f *found) hold(c *change, d time.Duration) (err error) {
	if f.secret == "" {
		if f.secret, err = makeCallbackSecret(c, f.d.Owner); err != nil {
			return err
		}
	}
	f.d.Secrets = []string{f.secret}
	if f.oldUntil > c.now {
		f.d.Secrets = append(f.d.Secrets, f.oldSecret)
	}
	f.d.Hold, f.d.Attempts = rand.Text(), f.d.Attempts+1
	next := c.now + d.Microseconds()
	f.d.NextAt = at(next)
	_, err = c.Exec(holdDelivery, f.d.Hold, next, f.id)
	return err
}

// settleLane has the lane say when the first of what is pending is due.
func settleLane(c *change, endpoint string) error {
	if _, err := c.Exec(closeLane, endpoint); err != nil {
		return err
	}
	_, err := c.Exec(openLane, endpoint)
	return err
}
