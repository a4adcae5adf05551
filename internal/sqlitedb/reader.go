package sqlitedb

import (
	"context"
	"database/sql"
	"sync"
)

// Reader asks the pool of read-only connections. Texts of queries are prepared
// once for each connection and kept: parsing one costs more than finding a row.
type Reader struct {
	pool *sql.DB

	mu         sync.RWMutex
	statements map[string]*sql.Stmt
}

func newReader(pool *sql.DB) *Reader {
	return &Reader{pool: pool, statements: map[string]*sql.Stmt{}}
}

// QueryContext runs a query; the rows must be closed.
func (r *Reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := r.prepared(ctx, query); stmt != nil { //nolint:sqlclosecheck // it is kept
		return stmt.QueryContext(ctx, args...)
	}
	return r.pool.QueryContext(ctx, query, args...)
}

// QueryRowContext runs a query that gives at most one row; scan it.
func (r *Reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := r.prepared(ctx, query); stmt != nil { //nolint:sqlclosecheck // it is kept
		return stmt.QueryRowContext(ctx, args...)
	}
	return r.pool.QueryRowContext(ctx, query, args...)
}

// prepared is nil for a text that is not to be kept, or not SQL.
func (r *Reader) prepared(ctx context.Context, query string) *sql.Stmt {
	r.mu.RLock()
	stmt, full := r.statements[query], len(r.statements) >= maxStatements
	r.mu.RUnlock()
	if stmt != nil || full {
		return stmt
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if stmt := r.statements[query]; stmt != nil {
		return stmt
	}
	stmt, err := r.pool.PrepareContext(ctx, query) //nolint:sqlclosecheck // closed with the pool
	if err != nil {
		return nil // running it gives the same error
	}
	r.statements[query] = stmt
	return stmt
}
