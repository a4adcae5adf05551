package sqlite

import (
	"context"
	"sync"
	"testing"

	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// meanwhile is a database in which something happens between the first look at
// it and the answer: at the moment that a caller who does not know yet that it
// has to wait must not miss.
type meanwhile struct {
	db
	mu   sync.Mutex
	then func() // once
}

func (m *meanwhile) happens() {
	m.mu.Lock()
	then := m.then
	m.then = nil
	m.mu.Unlock()
	if then != nil {
		then()
	}
}

// Write implements sqltaskdb.DB: a claim looks for work in it.
func (m *meanwhile) Write(ctx context.Context, f func(sqltaskdb.Tx) error) error {
	defer m.happens()
	return m.db.Write(ctx, f)
}

// Fault implements sqltaskdb.DB: whoever reads the feed asks it at the end.
func (m *meanwhile) Fault(err error) error {
	defer m.happens()
	return m.db.Fault(err)
}

// TestWhatHappensBeforeTheWaitingIsNotMissed: who waits begins to listen before
// it looks.
func TestWhatHappensBeforeTheWaitingIsNotMissed(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, s taskdb.Store) (int, error){
		"a claim": func(ctx context.Context, s taskdb.Store) (int, error) {
			list, err := s.Claim(ctx, taskdb.ClaimRequest{Worker: "w", Wait: taskdb.MaxWait})
			return len(list), err
		},
		"the feed": func(ctx context.Context, s taskdb.Store) (int, error) {
			list, err := s.Events(ctx, 0, 0, taskdb.MaxWait)
			return len(list), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := openDB(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			m := &meanwhile{db: d}
			s := sqltaskdb.New(t.Context(), m, sqltaskdb.Options{})
			t.Cleanup(func() { s.Close() })
			happened := false
			m.then = func() {
				happened = true
				create(t, s, taskdb.Task{ID: "a"})
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if n, err := wait(ctx, s); n != 1 || err != nil || !happened {
				t.Errorf("there came %d, %v; it happened: %v", n, err, happened)
			}
		})
	}
}
