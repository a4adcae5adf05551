package sqlite

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// renewed is a second time line, from what the first one is at this moment.
func renewed(t *testing.T, dir string, dropped ...string) *sqltaskdb.Store {
	t.Helper()
	s, _ := start(t, renewedCopy(t, dir, dropped...), sqltaskdb.Options{})
	return s
}

func renewedCopy(t *testing.T, dir string, dropped ...string) (to string) {
	t.Helper()
	to = t.TempDir()
	if err := Snapshot(t.Context(), filepath.Join(dir, "taskdb.db"), filepath.Join(to, "taskdb.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := Renew(t.Context(), to, time.Now(), dropped); err != nil {
		t.Fatal(err)
	}
	return to
}

func one(errs []error, err error) error { return errors.Join(append(errs, err)...) }

// done are the results of a task with one output.
func done(c taskdb.Claimed) []taskdb.Finish {
	return []taskdb.Finish{{ID: c.ID, Lease: c.Lease, Outputs: []taskdb.Output{{Blob: taskdb.Blob{Key: "out", SHA256: "d"}}}}}
}

// TestLeasesOfAnotherTimeLine: a worker whose lease was current when the
// snapshot was made is told that it is lost, and each lease that is given out
// has a token above all that the other line has given or could give.
func TestLeasesOfAnotherTimeLine(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	first, _ := start(t, dir, sqltaskdb.Options{})
	create(t, first, taskdb.Task{ID: "a"})
	held := claim(t, first, 0)
	second := renewed(t, dir)

	task, err := second.Get(ctx, "a")
	if err != nil || task.State != taskdb.NotStarted || task.Lost+task.Failures+task.Crashes != 0 {
		t.Fatalf("%+v, %v", task, err)
	}
	for name, err := range map[string]error{
		"heartbeat": one(second.Heartbeat(ctx, []taskdb.Heartbeat{{ID: "a", Lease: held.Lease}})),
		"finish":    one(second.Finish(ctx, done(held))),
		"fail":      one(second.Fail(ctx, []taskdb.Failure{{ID: "a", Lease: held.Lease, Error: taskdb.Error{Code: "c", Detail: "d"}}})),
		"release":   one(second.Release(ctx, []taskdb.Release{{ID: "a", Lease: held.Lease}})),
	} {
		if !errors.Is(err, taskdb.ErrLeaseLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := claim(t, second, 0)
	if c.Token < held.Token+tokenLeap {
		t.Errorf("token %d after %d", c.Token, held.Token)
	}
	if err := one(second.Finish(ctx, done(held))); !errors.Is(err, taskdb.ErrLeaseLost) {
		t.Errorf("the old lease finishes: %v", err)
	}
	if err := one(second.Finish(ctx, done(c))); err != nil {
		t.Error(err)
	}
	create(t, second, taskdb.Task{ID: "new"}) // which the first line may have, too
	if n := claim(t, second, 0); n.Token < held.Token+tokenLeap {
		t.Errorf("a new task's token is %d", n.Token)
	}
	third := renewed(t, dir)
	if again := claim(t, third, 0); again.Token <= c.Token {
		t.Errorf("the next restore gives token %d after %d", again.Token, c.Token)
	}
}

// TestFinishedStaysFinished: its worker, whose answer was lost, may say so again.
func TestFinishedStaysFinished(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	first, _ := start(t, dir, sqltaskdb.Options{})
	create(t, first, taskdb.Task{ID: "a"})
	c := claim(t, first, 0)
	if err := one(first.Finish(ctx, done(c))); err != nil {
		t.Fatal(err)
	}
	second := renewed(t, dir)
	if err := one(second.Finish(ctx, done(c))); err != nil {
		t.Error(err)
	}
	if task, err := second.Get(ctx, "a"); err != nil || task.State != taskdb.Finished || task.Token != c.Token {
		t.Errorf("%+v, %v", task, err)
	}
}

// TestFeedOfAnotherTimeLine: wherever a follower of the first line was, the
// second tells it to begin anew, at once; from there on nothing is missed.
func TestFeedOfAnotherTimeLine(t *testing.T) {
	for name, ids := range map[string][]string{"without tasks": nil, "with tasks": {"a", "b"}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first, _ := start(t, dir, sqltaskdb.Options{})
			for _, id := range ids {
				create(t, first, taskdb.Task{ID: id})
			}
			second := renewed(t, dir)
			create(t, first, taskdb.Task{ID: "later"})
			for seq := range lastSeq(t, first) + 2 {
				if list, err := second.Events(t.Context(), seq, 0, patience); !errors.Is(err, taskdb.ErrCompacted) {
					t.Errorf("after %d: %+v, %v", seq, list, err)
				}
			}
			last := lastSeq(t, second)
			if last < lastSeq(t, first)+taskdb.SeqLeap {
				t.Errorf("seq %d", last)
			}
			if list, err := second.Events(t.Context(), last-1, 0, patience); err != nil || len(list) != 1 || !list[0].Deleted || !list[0].State.Valid() {
				t.Errorf("the last event: %+v, %v", list, err)
			}
			create(t, second, taskdb.Task{ID: "c"})
			list, err := second.Events(t.Context(), last, 0, patience)
			if err != nil || len(list) != 1 || list[0].ID != "c" || list[0].Seq <= last {
				t.Errorf("then: %+v, %v", list, err)
			}
		})
	}
}

// TestFollowersHearOfWhatWaitsAgain: it is the first thing in the feed.
func TestFollowersHearOfWhatWaitsAgain(t *testing.T) {
	dir := t.TempDir()
	first, _ := start(t, dir, sqltaskdb.Options{})
	create(t, first, taskdb.Task{ID: "a"})
	claim(t, first, 0)
	second := renewed(t, dir)
	if c := claim(t, second, 0); c.ID != "a" { // its lane is open
		t.Errorf("claimed %s", c.ID)
	}
	if e := await(t, second, lastSeq(t, second)-1, taskdb.InProgress); e.ID != "a" {
		t.Errorf("%+v", e)
	}
}

func TestRenewDropsAndKeeps(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	first, _ := start(t, dir, sqltaskdb.Options{})
	key := func(id, hash string) taskdb.Task {
		return taskdb.Task{ID: id, IdempotencyKey: "key", IdempotencyHash: hash}
	}
	create(t, first, key("a", "h"))
	create(t, first, taskdb.Task{ID: "gone", Tags: []string{"tag"}})
	create(t, first, taskdb.Task{ID: "ended"})
	if _, err := first.Cancel(ctx, "ended"); err != nil {
		t.Fatal(err)
	}
	second := renewed(t, dir, "gone", "never-there")
	page, err := second.List(ctx, taskdb.Filter{})
	ids := make([]string, len(page.Tasks))
	for i, task := range page.Tasks {
		ids[i] = task.ID
	}
	if err != nil || !slices.Equal(ids, []string{"a", "ended"}) {
		t.Errorf("tasks %v, %v", ids, err)
	}
	stats, err := second.Stats(ctx)
	if err != nil || stats.Counts[taskdb.NotStarted] != 1 || stats.Counts[taskdb.Canceled] != 1 {
		t.Errorf("%+v, %v", stats, err)
	}
	again := key("b", "h")
	again.Pipeline, again.Source = page.Tasks[0].Pipeline, page.Tasks[0].Source
	if task, made, err := second.Create(ctx, again); err != nil || made || task.ID != "a" {
		t.Errorf("the repeated request is %q, made %v, %v", task.ID, made, err)
	}
	if c, err := second.Retry(ctx, "ended"); err != nil || c.Token < tokenLeap {
		t.Errorf("token %d, %v", c.Token, err)
	}
}

// TestCallsHaveNumbersOfTheirOwn: who is called may tell repeated calls by them.
func TestCallsHaveNumbersOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	first, d := start(t, dir, sqltaskdb.Options{})
	call := func(s taskdb.Store, id string) {
		create(t, s, taskdb.Task{ID: id, Callback: "http://127.0.0.1/"})
		if _, err := s.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	call(first, "a")
	to := t.TempDir()
	if err := Snapshot(t.Context(), d.Path(), filepath.Join(to, "taskdb.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := Renew(t.Context(), to, time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	second, e := start(t, to, sqltaskdb.Options{})
	call(second, "b")
	var least, most int64
	if err := e.Read().QueryRowContext(t.Context(), `SELECT min(id), max(id) FROM outbox`).Scan(&least, &most); err != nil {
		t.Fatal(err)
	}
	if least != 1 || most < taskdb.SeqLeap {
		t.Errorf("calls %d and %d", least, most)
	}
}

// TestFileBesideItsService reads what the service wrote a moment before.
func TestFileBesideItsService(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s, d := start(t, dir, sqltaskdb.Options{})
	f, err := OpenFile(ctx, d.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, id := range []string{"b", "a"} {
		create(t, s, taskdb.Task{ID: id})
	}
	var ids []string
	for task, err := range f.Each(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, task.ID)
	}
	if !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("tasks %v", ids)
	}
	if _, err := s.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Find(ctx, "a"); !errors.Is(err, taskdb.ErrNotFound) {
		t.Errorf("a deleted task: %v", err)
	}
	if task, err := f.Find(ctx, "b"); err != nil || task.Source.Key != "k" {
		t.Errorf("%+v, %v", task, err)
	}
}

// TestWhichDatabaseItIs: a copy has the identity, also as a time line of its
// own, and follows what it was copied from; another database does not.
func TestWhichDatabaseItIs(t *testing.T) {
	ctx, dirs := t.Context(), [2]string{t.TempDir(), t.TempDir()}
	var files [2]File
	for i, dir := range dirs {
		s, d := start(t, dir, sqltaskdb.Options{})
		create(t, s, taskdb.Task{ID: "a"})
		f, err := OpenFile(ctx, d.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	_, restored := start(t, renewedCopy(t, dirs[0]), sqltaskdb.Options{})
	copied, err := OpenFile(ctx, restored.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	var ids []string
	for _, f := range []File{files[0], files[1], copied} {
		id, err := f.Identity(ctx)
		if err != nil || id == "" {
			t.Errorf("identity %q, %v", id, err)
		}
		ids = append(ids, id)
	}
	if ids[0] == ids[1] || ids[0] != ids[2] {
		t.Errorf("identities %v", ids)
	}
	for i, want := range []bool{true, false} {
		if same, err := files[i].Follows(ctx, files[0]); err != nil || same != want {
			t.Errorf("%d follows: %v, %v", i, same, err)
		}
	}
	if err := restored.Write(ctx, func(tx sqltaskdb.Tx) error {
		_, err := tx.Exec(`DROP TABLE identity`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if id, err := copied.Identity(ctx); err != nil || id != "" {
		t.Errorf("an old one has the identity %q, %v", id, err)
	}
}
