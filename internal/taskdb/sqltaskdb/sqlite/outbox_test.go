package sqlite

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"minilab/internal/hook"
	"minilab/internal/sqlitedb"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// before is what the migrations were up to a number.
func before(t *testing.T, number string) fs.FS {
	t.Helper()
	old := fstest.MapFS{}
	entries, err := fs.ReadDir(files, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() < number {
			data, err := fs.ReadFile(files, "migrations/"+e.Name())
			if err != nil {
				t.Fatal(err)
			}
			old[e.Name()] = &fstest.MapFile{Data: data}
		}
	}
	return old
}

// TestCallsOfAnOlderVersion: it has queued them and never made one.
func TestCallsOfAnOlderVersion(t *testing.T) {
	dir := t.TempDir()
	old, err := sqlitedb.Open(t.Context(), filepath.Join(dir, "taskdb.db"), before(t, "00004"))
	if err != nil {
		t.Fatal(err)
	}
	err = old.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		for _, url := range []string{"https://A.example:8443/x", "http://b.example?x"} {
			if _, err := tx.Exec(`INSERT INTO outbox (seq, task_id, owner, type, payload, url, next_at, created_at)
				VALUES (1, 'a', 'ann', 'task.finished', '{"id":"a"}', ?, 5, 5)`, url); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ := start(t, dir, sqltaskdb.Options{})
	list, err := s.ClaimDeliveries(t.Context(), hook.ClaimRequest{Max: 5, Hold: hook.MaxHold})
	if err != nil || len(list) != 2 || list[0].ID == list[1].ID {
		t.Fatalf("claimed %+v, %v", list, err)
	}
	for _, d := range list {
		if !strings.HasPrefix(d.ID, "msg_") || string(d.Data) != `{"id":"a"}` || d.Endpoint != "a.example:8443" && d.Endpoint != "b.example" || len(d.Secrets) != 1 {
			t.Errorf("claimed %+v", d)
		}
	}
}

// TestSoManyDeliveriesAreRemembered, and those that are pending besides.
func TestSoManyDeliveriesAreRemembered(t *testing.T) {
	s, d := start(t, t.TempDir(), sqltaskdb.Options{})
	create(t, s, taskdb.Task{ID: "a", Callback: "https://a.example/"})
	if _, err := s.Cancel(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	err := d.Write(t.Context(), func(tx sqltaskdb.Tx) error {
		if _, err := tx.Exec(`DROP TRIGGER outbox_queued`); err != nil { // what it fills in is not looked at, and takes a minute
			return err
		}
		_, err := tx.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO outbox (seq, task_id, owner, type, payload, url, next_at, created_at, ended_at, outcome)
			SELECT 0, '', 'public', 'task.finished', '{}', 'https://a.example/', 0, 0, ?, 'delivered' FROM n`, hook.Keep+50, 1<<52)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ended, pending int
	err = d.Read().QueryRowContext(t.Context(), `SELECT sum(ended_at > 0), sum(ended_at = 0) FROM outbox`).Scan(&ended, &pending)
	if err != nil || ended != hook.Keep || pending != 1 {
		t.Errorf("%d have ended, %d are pending, %v", ended, pending, err)
	}
}
