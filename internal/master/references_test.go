package master_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/master/mastertest"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// forgetful is a task database that can be away when a task is read.
type forgetful struct {
	taskdb.Store
	away atomic.Bool
}

func (s *forgetful) Get(ctx context.Context, id string) (taskdb.Task, error) {
	if s.away.Load() {
		return taskdb.Task{}, fault.ErrUnavailable
	}
	return s.Store.Get(ctx, id)
}

// TestWorkWhoseImageHasGone: a task that asks for another one's result, which
// has been deleted since, fails when it is claimed, and says so; one whose image
// cannot be looked up waits.
func TestWorkWhoseImageHasGone(t *testing.T) {
	var db *forgetful
	f := mastertest.OpenWith(t, func(s taskdb.Store) taskdb.Store {
		db = &forgetful{Store: s}
		return db
	})
	logo, err := submit(t, f.Lab, "invert", "")
	if err != nil {
		t.Fatal(err)
	}
	w := claim(t, f.Lab)[0]
	info, err := f.Storage.Put(t.Context(), storage.Finished, w.Outputs[0].Key, strings.NewReader("x"), storage.PutOptions{ContentType: "image/png", Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Lab.Finish(t.Context(), w.ID, w.Lease, lab.Report{Outputs: []lab.Output{{Key: w.Outputs[0].Key, Size: 1, SHA256: info.SHA256}}}); err != nil {
		t.Fatal(err)
	}
	id, err := submit(t, f.Lab, "watermark:"+logo, "")
	if err != nil {
		t.Fatal(err)
	}
	other, err := submit(t, f.Lab, "invert", "")
	if err != nil {
		t.Fatal(err)
	}

	db.away.Store(true)
	if list := claim(t, f.Lab); len(list) != 1 || list[0].ID != other {
		t.Errorf("while the task database is away for one lookup, the work is %+v", list)
	}
	db.away.Store(false)
	if st, err := f.Lab.Task(t.Context(), lab.Ref{ID: id}, 0); err != nil || st.State != lab.NotStarted {
		t.Errorf("the task is %+v, %v", st, err)
	}
	if list := claim(t, f.Lab); len(list) != 1 || list[0].ID != id || len(list[0].Attachments) != 1 {
		t.Fatalf("the work is %+v", list)
	} else if err := f.Lab.Release(t.Context(), id, list[0].Lease); err != nil {
		t.Fatal(err)
	}

	if _, err := db.Delete(t.Context(), logo); err != nil {
		t.Fatal(err)
	}
	if list := claim(t, f.Lab); len(list) != 0 {
		t.Errorf("the work is %+v", list)
	}
	st, err := f.Lab.Task(t.Context(), lab.Ref{ID: id}, 0)
	if err != nil || st.State != lab.Failed || st.Error == nil || st.Error.Code != "unknown-reference" || !strings.Contains(st.Error.Detail, logo) {
		t.Errorf("the task is %+v with %+v, %v", st, st.Error, err)
	}
}
