package sqltaskdb

import (
	"context"
	"database/sql"
	"iter"
	"slices"
	"strings"

	"minilab/internal/taskdb"
)

// laterColumns came to the others in migrations: a database that no service of
// this version has opened yet is without some of them.
var laterColumns = []string{"fingerprint", "stage", "trace"}

// columnsOf are the columns to read of a database of this version or before.
func columnsOf(ctx context.Context, db *sql.DB) (string, error) {
	rows, err := db.QueryContext(ctx, `SELECT * FROM tasks LIMIT 0`)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	there, err := rows.Columns()
	if err != nil {
		return "", err
	}
	of := columns
	for _, name := range laterColumns {
		if !slices.Contains(there, name) {
			of = strings.Replace(of, ", "+name, ", '' AS "+name, 1)
		}
	}
	return of, rows.Err()
}

// Each gives every task of a database, in the order of their ids and as it was
// at one moment. The reading ends with the first error, which is the driver's.
func Each(ctx context.Context, db *sql.DB) iter.Seq2[taskdb.Task, error] {
	return func(yield func(taskdb.Task, error) bool) {
		of, err := columnsOf(ctx, db)
		if err != nil {
			yield(taskdb.Task{}, err)
			return
		}
		rows, err := db.QueryContext(ctx, `SELECT `+of+` FROM tasks ORDER BY id`)
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
	of, err := columnsOf(ctx, db)
	if err != nil {
		return taskdb.Task{}, err
	}
	r, err := scanRow(db.QueryRowContext(ctx, `SELECT `+of+` FROM tasks WHERE id = ?`, id))
	if err != nil {
		return taskdb.Task{}, notFound(id, err)
	}
	return r.task()
}
