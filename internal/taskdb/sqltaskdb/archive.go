package sqltaskdb

import (
	"context"
	"database/sql"
	"iter"

	"minilab/internal/taskdb"
)

const selectTasks = `SELECT ` + columns + ` FROM tasks ORDER BY id`

// Each gives every task of a database, in the order of their ids and as it was
// at one moment. The reading ends with the first error, which is the driver's.
func Each(ctx context.Context, db *sql.DB) iter.Seq2[taskdb.Task, error] {
	return func(yield func(taskdb.Task, error) bool) {
		rows, err := db.QueryContext(ctx, selectTasks)
		if err != nil {
			yield(taskdb.Task{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanRow(rows)
			if err != nil {
				yield(taskdb.Task{}, err)
				return
			}
			t, err := r.task()
			if !yield(t, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(taskdb.Task{}, err)
		}
	}
}

// Find reads a task of a database: ErrNotFound, or the driver's error.
func Find(ctx context.Context, db *sql.DB, id string) (taskdb.Task, error) {
	r, err := scanRow(db.QueryRowContext(ctx, selectTask, id))
	if err != nil {
		return taskdb.Task{}, notFound(id, err)
	}
	return r.task()
}
