package sqlite

import (
	"testing"

	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// TestARowOfAnotherVersion: a task whose pipeline nobody can read any more comes
// without one, and those behind it come too.
func TestARowOfAnotherVersion(t *testing.T) {
	s, d := start(t, t.TempDir(), sqltaskdb.Options{})
	create(t, s, taskdb.Task{ID: "old"})
	create(t, s, taskdb.Task{ID: "young"})
	err := d.Write(t.Context(), func(tx sqltaskdb.Tx) error {
		_, err := tx.Exec(`UPDATE tasks SET pipeline = '[{"op":"blur","sigma":99999}]', outputs = '[{"name":"","pipeline":[{"op":"swap","order":"x"}]}]' WHERE id = 'old'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	old, young := claim(t, s, 0), claim(t, s, 0)
	if old.ID != "old" || len(old.Pipeline) != 0 || len(old.Outputs) != 1 || young.ID != "young" || len(young.Pipeline) != 1 {
		t.Errorf("claimed %+v and %+v", old, young)
	}
	page, err := s.List(t.Context(), taskdb.Filter{})
	if err != nil || len(page.Tasks) != 2 {
		t.Errorf("%d tasks are listed, %v", len(page.Tasks), err)
	}
}
