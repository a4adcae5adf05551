package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
)

// maxStatements bounds how many statements stay prepared. Texts beyond it, as
// a program that builds its SQL may have, are prepared for each use.
const maxStatements = 256

// Tx is an operation's view of the writer's transaction. It is used on the
// goroutine that it is given to, and not after the function has returned.
// Texts of statements are prepared once and kept; a text must not be run again
// while its own rows are being read.
type Tx struct {
	conn   *conn
	rows   []*sql.Rows
	hooks  []func()
	broken error // the disk's: what the group did so far may be undone already
}

// Exec runs a statement that gives no rows.
func (tx *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if tx.broken != nil {
		return nil, tx.broken
	}
	result, err := tx.conn.exec(query, args...)
	tx.note(err)
	return result, err
}

// Query runs a statement that gives rows. Rows that are left open are closed
// when the operation ends.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if tx.broken != nil {
		return nil, tx.broken
	}
	rows, err := tx.conn.query(query, args...)
	tx.note(err)
	if rows != nil {
		tx.rows = append(tx.rows, rows)
	}
	return rows, err
}

// QueryRow runs a statement that gives at most one row; scan it.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	if tx.broken != nil {
		return tx.conn.noRow()
	}
	row := tx.conn.queryRow(query, args...)
	tx.note(row.Err())
	return row
}

// AfterCommit registers f to be run once the operation is durable, before its
// Write returns. What all operations registered runs one after the other, in
// the order of their commits, on the writer's goroutine: f must be quick and
// must not call Write. It is not run when the operation fails.
func (tx *Tx) AfterCommit(f func()) { tx.hooks = append(tx.hooks, f) }

// note remembers an error after which SQLite may have rolled the transaction
// back; a statement that came after it would be committed on its own.
func (tx *Tx) note(err error) {
	if tx.broken == nil && rollsBack(err) {
		tx.broken = err
	}
}

func (tx *Tx) closeRows() {
	for _, rows := range tx.rows {
		tx.note(rows.Err())
		tx.note(rows.Close())
	}
	tx.rows = nil
}

// conn is the writer's connection with its prepared statements.
type conn struct {
	ctx        context.Context // never ends: what has been begun is told its outcome
	sql        *sql.Conn
	statements map[string]*sql.Stmt
}

// prepared is nil for a text that is not to be kept, or not SQL.
func (c *conn) prepared(query string) *sql.Stmt {
	if stmt := c.statements[query]; stmt != nil || len(c.statements) >= maxStatements {
		return stmt
	}
	stmt, err := c.sql.PrepareContext(c.ctx, query)
	if err != nil {
		return nil // running it gives the same error
	}
	c.statements[query] = stmt
	return stmt
}

func (c *conn) exec(query string, args ...any) (sql.Result, error) {
	if stmt := c.prepared(query); stmt != nil {
		return stmt.ExecContext(c.ctx, args...)
	}
	return c.sql.ExecContext(c.ctx, query, args...)
}

func (c *conn) query(query string, args ...any) (*sql.Rows, error) {
	if stmt := c.prepared(query); stmt != nil {
		return stmt.QueryContext(c.ctx, args...)
	}
	return c.sql.QueryContext(c.ctx, query, args...)
}

func (c *conn) queryRow(query string, args ...any) *sql.Row {
	if stmt := c.prepared(query); stmt != nil {
		return stmt.QueryRowContext(c.ctx, args...)
	}
	return c.sql.QueryRowContext(c.ctx, query, args...)
}

// close ends the statements too: database/sql does not keep count of those of
// a single connection, and SQLite keeps the file open for them.
func (c *conn) close() error {
	var errs []error
	for _, stmt := range c.statements {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, c.sql.Close())...)
}

// noRow is a row that fails to be scanned: only the driver can make one.
func (c *conn) noRow() *sql.Row {
	ended, cancel := context.WithCancel(c.ctx)
	cancel()
	return c.sql.QueryRowContext(ended, "SELECT 1")
}
