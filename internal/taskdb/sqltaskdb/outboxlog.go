package sqltaskdb

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"minilab/internal/hook"
)

// deliveryColumns of a row of the outbox in the order of deliveryRow.dest.
const deliveryColumns = `o.message, o.owner, o.hook, o.task_id, o.type, o.url, o.outcome, o.attempts, o.created_at, o.next_at, o.ended_at, o.last_error`

const (
	// What a webhook is that is gone or disabled cannot be told any more, and
	// what is held is under way.
	requeue = `UPDATE outbox SET hold = '', next_at = ?1, queued_at = ?1, attempts = 0, ended_at = 0, outcome = 'pending', last_error = ''
		WHERE id = ?2 AND NOT (hold <> '' AND next_at > ?1)`

	selectDelivery = `SELECT o.id, o.endpoint, o.hook = '' OR coalesce(w.disabled_at, 1) = 0, ` + deliveryColumns + `
		FROM outbox AS o LEFT JOIN webhooks AS w ON w.id = o.hook WHERE o.message = ? AND o.owner = ? AND o.message <> ''`
)

// deliveryRow is a delivery as it is scanned.
type deliveryRow struct {
	d                          *hook.Delivery
	createdAt, nextAt, endedAt int64
}

func (r *deliveryRow) dest() []any {
	d := r.d
	return []any{&d.ID, &d.Owner, &d.Webhook, &d.Task, &d.Type, &d.URL, &d.State, &d.Attempts, &r.createdAt, &r.nextAt, &r.endedAt, &d.Error}
}

func (r *deliveryRow) decode() {
	r.d.CreatedAt, r.d.EndedAt = at(r.createdAt), at(r.endedAt)
	if r.d.State == hook.Pending {
		r.d.NextAt = at(r.nextAt)
	}
}

// Deliveries implements hook.Desk.
func (s *Store) Deliveries(ctx context.Context, f hook.Filter) (hook.Page, error) {
	if err := hook.CheckFilter(f); err != nil {
		return hook.Page{}, err
	}
	before, err := readDeliveryCursor(f.Cursor)
	if err != nil {
		return hook.Page{}, err
	}
	limit := hook.PageLimit(f.Limit)
	query, args := deliveriesQuery(f, before, limit+1)
	list, ids, err := s.readDeliveries(ctx, query, args)
	if err != nil {
		return hook.Page{}, s.readFault(ctx, err)
	}
	page := hook.Page{Deliveries: list}
	if len(list) > limit {
		page.Deliveries, ids = list[:limit], ids[:limit]
		page.Next = writeDeliveryCursor(ids[limit-1])
	}
	return page, s.readFault(ctx, s.readAttempts(ctx, page.Deliveries, ids))
}

// deliveriesQuery has one index to go by: the task's, the webhook's or the
// owner's.
func deliveriesQuery(f hook.Filter, before int64, limit int) (string, []any) {
	owner := `o.owner = ?`
	where, args := []string{"o.id < ?"}, []any{before, f.Owner}
	if f.Task != "" || f.Webhook != "" {
		owner = `o.owner || '' = ?` // an expression, so that its index is not the one taken
	}
	where = append(where, owner)
	if f.Task != "" {
		where, args = append(where, `o.task_id = ?`), append(args, f.Task)
	}
	if f.Webhook != "" {
		webhook := `o.hook = ? AND o.hook <> ''`
		if f.Task != "" {
			webhook = `o.hook || '' = ?`
		}
		where, args = append(where, webhook), append(args, f.Webhook)
	}
	return `SELECT o.id, ` + deliveryColumns + ` FROM outbox AS o WHERE ` + strings.Join(where, " AND ") + ` ORDER BY o.id DESC LIMIT 0 + ?`, append(args, limit)
}

func (s *Store) readDeliveries(ctx context.Context, query string, args []any) (list []hook.Delivery, ids []int64, err error) {
	rows, err := s.db.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	list = []hook.Delivery{}
	for rows.Next() {
		var d hook.Delivery
		var id int64
		row := deliveryRow{d: &d}
		if err := rows.Scan(append([]any{&id}, row.dest()...)...); err != nil {
			return nil, nil, err
		}
		row.decode()
		list, ids = append(list, d), append(ids, id)
	}
	return list, ids, rows.Err()
}

// readAttempts fills in the logs of these deliveries.
func (s *Store) readAttempts(ctx context.Context, list []hook.Delivery, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	place, args := map[int64]int{}, []any{}
	for i, id := range ids {
		place[id], args = i, append(args, id)
	}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT delivery, at, took, status, error FROM outbox_attempts WHERE delivery IN (`+
		strings.TrimPrefix(strings.Repeat(", ?", len(ids)), ", ")+`) ORDER BY delivery, id`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var delivery, made, took int64
		var a hook.Attempt
		if err := rows.Scan(&delivery, &made, &took, &a.Status, &a.Error); err != nil {
			return err
		}
		a.At, a.Took = at(made), time.Duration(took)*time.Microsecond
		d := &list[place[delivery]]
		d.Log = append(d.Log, a)
	}
	return rows.Err()
}

// Redeliver implements hook.Desk.
func (s *Store) Redeliver(ctx context.Context, owner, id string) (hook.Delivery, error) {
	var d hook.Delivery
	err := s.write(ctx, func(c *change) error {
		key, endpoint, active, err := readDelivery(c, owner, id, &d)
		if err != nil {
			return err
		}
		if !active {
			return hook.ErrInactive
		}
		if _, err := c.Exec(requeue, c.now, key); err != nil {
			return err
		}
		if err := settleLane(c, endpoint); err != nil {
			return err
		}
		c.queued = true
		_, _, _, err = readDelivery(c, owner, id, &d)
		return err
	})
	return d, err
}

func readDelivery(c *change, owner, id string, d *hook.Delivery) (key int64, endpoint string, active bool, err error) {
	row := deliveryRow{d: d}
	err = c.QueryRow(selectDelivery, id, owner).Scan(append([]any{&key, &endpoint, &active}, row.dest()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		err = hook.ErrNotFound.Detailf("there is no delivery %q", id)
	}
	row.decode()
	return key, endpoint, active, err
}

// A cursor is the last row of a page.
func writeDeliveryCursor(id int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte("d" + strconv.FormatInt(id, 10)))
}

func readDeliveryCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 1 << 62, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	digits, ok := strings.CutPrefix(string(text), "d")
	id, bad := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || bad != nil || id <= 0 || writeDeliveryCursor(id) != cursor {
		return 0, hook.ErrCursor
	}
	return id, nil
}
