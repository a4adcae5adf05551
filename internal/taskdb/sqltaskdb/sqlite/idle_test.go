package sqlite

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// counted counts the transactions that a store begins.
type counted struct {
	db
	writes atomic.Int64
}

func (c *counted) Write(ctx context.Context, f func(sqltaskdb.Tx) error) error {
	c.writes.Add(1)
	return c.db.Write(ctx, f)
}

// TestIdleCostsNothing: a store with ended, waiting and scheduled tasks and no
// leases begins no transaction by itself, once the reaper has seen that there
// is nothing to do. Claims that wait do not begin any either.
func TestIdleCostsNothing(t *testing.T) {
	const lease = 30 * time.Millisecond
	d, err := openDB(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{db: d}
	s := sqltaskdb.New(t.Context(), c, sqltaskdb.Options{Lease: lease})
	t.Cleanup(func() { s.Close() })
	create(t, s, taskdb.Task{ID: "later", RunAt: time.Now().Add(time.Hour)})
	create(t, s, taskdb.Task{ID: "other", Needs: "gpu"})
	create(t, s, taskdb.Task{ID: "done"})
	claim(t, s, 0)
	if _, err := s.Cancel(t.Context(), "done"); err != nil {
		t.Fatal(err)
	}
	// The time that a waiting claim takes is the time that is looked at.
	if _, err := s.Claim(t.Context(), taskdb.ClaimRequest{Worker: "w", Wait: 5 * lease}); err != nil {
		t.Fatal(err)
	}
	before := c.writes.Load()
	list, err := s.Claim(t.Context(), taskdb.ClaimRequest{Worker: "w", Wait: 20 * lease})
	if err != nil || len(list) != 0 {
		t.Fatalf("claimed %v, %v", list, err)
	}
	if n := c.writes.Load() - before; n != 1 { // the claim's own
		t.Errorf("%d transactions in %v of waiting", n, 20*lease)
	}
}
