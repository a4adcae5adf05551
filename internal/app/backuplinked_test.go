package app

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// linked makes a task whose images are copies of another's, one file each with
// two names.
func (d *data) linked(id, of string) {
	d.Helper()
	t, err := d.tasks.Get(d.Context(), of)
	d.ok(err)
	_, err = d.images.Copy(d.Context(), storage.InProgress, t.Source.Key, id)
	d.ok(err)
	source, key := t.Source, taskdb.ResultKey(taskdb.Task{ID: id, Token: 1}, "")
	source.Key = id
	_, _, err = d.tasks.Create(d.Context(), taskdb.Task{ID: id, Pipeline: t.Pipeline, Source: source})
	d.ok(err)
	c := d.claim(id)
	_, err = d.images.Copy(d.Context(), storage.Finished, t.Outputs[0].Key, key)
	d.ok(err)
	out := t.Outputs[0]
	out.Key = key
	_, err = d.tasks.Finish(d.Context(), []taskdb.Finish{{ID: id, Lease: c.Lease, Outputs: []taskdb.Output{{Blob: out.Blob}}}})
	d.ok(err)
}

func (d *data) names(state storage.State, key string) uint64 {
	d.Helper()
	var stat unix.Stat_t
	d.ok(unix.Stat(d.file(state, key), &stat))
	return uint64(stat.Nlink) //nolint:unconvert // uint32 on other processors
}

// TestBackupOfLinkedImages has both tasks whole after a restore, whichever of
// them is deleted then.
func TestBackupOfLinkedImages(t *testing.T) {
	d := openData(t, t.TempDir())
	d.submit("a")
	d.finish("a")
	d.linked("b", "a")
	if d.names(storage.InProgress, "a") != 2 || d.names(storage.InProgress, "b") != 2 {
		t.Fatal("the images are not linked")
	}
	dir := filepath.Join(t.TempDir(), "backup")
	if said, err := back(t, d, dir); err != nil {
		t.Fatal(said, err)
	}
	restored := restoredFrom(t, dir)
	text := func(key string) string {
		b, err := os.ReadFile(restored.file(storage.InProgress, key))
		restored.ok(err)
		return string(b)
	}
	if text("a") != "source of a" || text("b") != "source of a" {
		t.Errorf("restored are %q and %q", text("a"), text("b"))
	}
	restored.remove("a")
	if text("b") != "source of a" {
		t.Errorf("without the first the second is %q", text("b"))
	}
}
