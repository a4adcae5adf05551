package sqltaskdb

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"strings"

	"minilab/internal/taskdb"
)

// List implements taskdb.Tasks.
func (s *Store) List(ctx context.Context, f taskdb.Filter) (taskdb.Page, error) {
	if err := taskdb.CheckFilter(f); err != nil {
		return taskdb.Page{}, err
	}
	after, err := readCursor(f)
	if err != nil {
		return taskdb.Page{}, err
	}
	limit := taskdb.PageLimit(f.Limit)
	query, args := listQuery(f, after, limit+1)
	found, err := s.db.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return taskdb.Page{}, s.readFault(ctx, err)
	}
	defer found.Close()
	rows, more, err := scanPage(found, limit)
	if err = errors.Join(err, found.Err()); err != nil {
		return taskdb.Page{}, s.readFault(ctx, err)
	}
	var page taskdb.Page
	if more {
		page.Next = writeCursor(f, rows[len(rows)-1].t.ID)
	}
	page.Tasks, err = tasks(rows)
	return page, err
}

// scanPage reads up to limit rows, fewer where they are large, and says whether
// there are more.
func scanPage(rows *sql.Rows, limit int) (list []*row, more bool, err error) {
	for size := 0; rows.Next(); {
		if len(list) == limit || size > taskdb.MaxPageBytes {
			return list, true, nil
		}
		r, err := scanRow(rows)
		if err != nil {
			return nil, false, err
		}
		size += r.size()
		list = append(list, r)
	}
	return list, false, nil
}

func tasks(rows []*row) ([]taskdb.Task, error) {
	list := make([]taskdb.Task, len(rows))
	for i, r := range rows {
		t, err := r.task()
		if err != nil {
			return nil, err
		}
		list[i] = t
	}
	return list, nil
}

// listQuery is the query for one page. Every combination of the filters that
// people use has an index which gives the ids in order; tasks past their
// retention are found by theirs and sorted.
func listQuery(f taskdb.Filter, after string, limit int) (string, []any) {
	tables, key := "tasks t", "t.id"
	var where []string
	var args []any
	add := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	if f.Tag != "" {
		tables, key = "task_tags g CROSS JOIN tasks t", "g.task_id"
		add("t.id = g.task_id AND g.tag = ?", f.Tag)
	}
	switch {
	case f.Owner != "" && f.Tag != "":
		add("g.owner = ?", f.Owner)
	case f.Owner != "":
		add("t.owner = ?", f.Owner)
	}
	if f.State != "" && f.Fingerprint == "" {
		add("t.state = ?", string(f.State))
	}
	if f.Fingerprint != "" { // literally what its index says
		add("t.fingerprint = ? AND t.fingerprint <> '' AND t.state = 'finished'", f.Fingerprint)
	}
	if !f.ExpiredBy.IsZero() {
		key += " || ''" // an expression, so that the order's index is not the one taken
		add("t.expires_at > 0 AND t.expires_at <= ?", micros(f.ExpiredBy))
	}
	order, beyond := "", " > ?"
	if f.Descending {
		order, beyond = " DESC", " < ?"
	}
	if after != "" {
		add(key+beyond, after)
	}
	query := `SELECT t.` + strings.ReplaceAll(columns, ", ", ", t.") + ` FROM ` + tables
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, " AND ")
	}
	return query + ` ORDER BY ` + key + order + ` LIMIT ?`, append(args, limit)
}

// A cursor is the direction of the listing and the last id of a page.
func writeCursor(f taskdb.Filter, last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(direction(f) + last))
}

func readCursor(f taskdb.Filter) (after string, err error) {
	if f.Cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(f.Cursor)
	after, ok := strings.CutPrefix(string(text), direction(f))
	if err != nil || !ok || taskdb.CheckID(after) != nil {
		return "", taskdb.ErrCursor
	}
	return after, nil
}

func direction(f taskdb.Filter) string {
	if f.Descending {
		return "<"
	}
	return ">"
}
