package sqlite

import (
	"path/filepath"
	"testing"
	"testing/fstest"

	"minilab/internal/sqlitedb"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// oldTask is a task as the first version kept it.
const oldTask = `INSERT INTO tasks VALUES (?1, 'ann', 'not-started', 0, '["x"]', 'image', '[{"op":"swap"}]', '[{"name":""}]',
	'k', 1, 'd', 'image/png', '', '', '', 0, '', '', 0, 0, 0, 0, '', '', 1, 0, 1, 1, 0, 0, 0, 1, '', 0, 0, '')`

// oldDatabase has one task waiting, one leased and one finished, and knows
// neither stages nor fingerprints.
func oldDatabase(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	migrations := fstest.MapFS{}
	for _, name := range []string{"00001_tasks.sql", "00002_identity.sql"} {
		data, err := files.ReadFile("migrations/" + name)
		if err != nil {
			t.Fatal(err)
		}
		migrations[name] = &fstest.MapFile{Data: data}
	}
	d, err := sqlitedb.Open(t.Context(), filepath.Join(dir, "taskdb.db"), migrations)
	if err != nil {
		t.Fatal(err)
	}
	err = d.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		for _, id := range []string{"waits", "leased", "done"} {
			if _, err := tx.Exec(oldTask, id); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE tasks SET state = 'in-progress', ready = 0, token = 1, lease = '1.x', lease_until = ?1, deadline = ?1, progress = 0.25
			WHERE id <> 'waits'`, int64(1)<<60)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE tasks SET state = 'finished', progress = 1, lease_until = 0, finished_at = 2,
			outputs = '[{"name":"","key":"done.1","sha256":"d"}]' WHERE id = 'done'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestUpgrade: a service goes on with a database of the version before.
func TestUpgrade(t *testing.T) {
	s, _ := start(t, oldDatabase(t), sqltaskdb.Options{})
	ctx := t.Context()
	list, err := s.Events(ctx, 0, 0, 0)
	if err != nil || len(list) != 6 || list[5].State != taskdb.Finished || list[5].Progress != 1 || list[4].Progress != 0 {
		t.Fatalf("the feed is %+v, %v", list, err)
	}
	err = one(s.Heartbeat(ctx, []taskdb.Heartbeat{{ID: "leased", Lease: "1.x", Progress: 0.5, Stage: "altering"}}))
	if err != nil {
		t.Fatal(err)
	}
	if list, err = s.Events(ctx, 6, 0, 0); err != nil || len(list) != 1 || !list[0].GotOn() || list[0].Stage != "altering" {
		t.Errorf("the feed goes on with %+v, %v", list, err)
	}
	err = one(s.Finish(ctx, []taskdb.Finish{{ID: "leased", Lease: "1.x", Outputs: []taskdb.Output{{Blob: taskdb.Blob{Key: "leased.1", SHA256: "d"}}}}}))
	if err != nil {
		t.Error(err)
	}
	if c := claim(t, s, 0); c.ID != "waits" || c.Token != 1 {
		t.Errorf("claimed %+v", c)
	}
	stats, err := s.Stats(ctx)
	if err != nil || stats.Counts[taskdb.Finished] != 2 || stats.Counts[taskdb.InProgress] != 1 {
		t.Errorf("counts are %v, %v", stats.Counts, err)
	}
}

// TestReadingBeforeTheUpgrade: backups are made of the file as it is, and of
// old ones.
func TestReadingBeforeTheUpgrade(t *testing.T) {
	dir := oldDatabase(t)
	f, err := OpenFile(t.Context(), filepath.Join(dir, "taskdb.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	states := map[string]taskdb.State{}
	for task, err := range f.Each(t.Context()) {
		if err != nil || task.Fingerprint != "" || task.Owner != "ann" {
			t.Fatalf("%+v, %v", task, err)
		}
		states[task.ID] = task.State
	}
	if len(states) != 3 || states["waits"] != taskdb.NotStarted || states["leased"] != taskdb.InProgress || states["done"] != taskdb.Finished {
		t.Errorf("read %v", states)
	}
	if task, err := f.Find(t.Context(), "done"); err != nil || task.Outputs[0].Key != "done.1" {
		t.Errorf("found %+v, %v", task, err)
	}
}

// TestRestoringWhatWasBefore: a backup of the version before begins a time line
// of its own.
func TestRestoringWhatWasBefore(t *testing.T) {
	s := renewed(t, oldDatabase(t), "done")
	page, err := s.List(t.Context(), taskdb.Filter{})
	if err != nil || len(page.Tasks) != 2 || page.Tasks[0].State != taskdb.NotStarted || page.Tasks[1].State != taskdb.NotStarted {
		t.Errorf("%+v, %v", page.Tasks, err)
	}
}

// TestBornInARestoredDatabase: its token goes on above all of the other time
// line, as any does.
func TestBornInARestoredDatabase(t *testing.T) {
	dir := t.TempDir()
	first, _ := start(t, dir, sqltaskdb.Options{})
	create(t, first, taskdb.Task{ID: "a"})
	second := renewed(t, dir)
	born := taskdb.Task{ID: "b", State: taskdb.Finished, Token: 1, Outputs: []taskdb.Output{{Blob: taskdb.Blob{Key: "b.1", SHA256: "d"}}}}
	create(t, second, born)
	task, err := second.Get(t.Context(), "b")
	if err != nil || task.State != taskdb.Finished || task.Token < tokenLeap || task.Outputs[0].Key != "b.1" {
		t.Errorf("%+v, %v", task, err)
	}
}
