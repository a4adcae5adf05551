package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"minilab/internal/dirlock"
	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// patience bounds a failing run and nothing else.
const patience = 30 * time.Second

func start(t *testing.T, dir string, opt sqltaskdb.Options) (*sqltaskdb.Store, db) {
	t.Helper()
	d, err := openDB(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	opt.Log = slog.New(slog.DiscardHandler)
	s := sqltaskdb.New(t.Context(), d, opt)
	t.Cleanup(func() { s.Close() })
	return s, d
}

func create(t *testing.T, s taskdb.Store, task taskdb.Task) {
	t.Helper()
	task.Pipeline, task.Source = pipeline.Default(), taskdb.Blob{Key: "k"}
	if _, _, err := s.Create(t.Context(), task); err != nil {
		t.Fatal(err)
	}
}

func claim(t *testing.T, s taskdb.Store, wait time.Duration) taskdb.Claimed {
	t.Helper()
	list, err := s.Claim(t.Context(), taskdb.ClaimRequest{Worker: "w", Wait: wait})
	if err != nil || len(list) != 1 {
		t.Fatalf("claimed %d: %v", len(list), err)
	}
	return list[0]
}

// await follows the feed to the first event in a state.
func await(t *testing.T, s taskdb.Store, after int64, state taskdb.State) taskdb.Event {
	t.Helper()
	for {
		list, err := s.Events(t.Context(), after, 0, patience)
		if err != nil || len(list) == 0 {
			t.Fatalf("no task became %s: %v", state, err)
		}
		for _, e := range list {
			if after = e.Seq; e.State == state {
				return e
			}
		}
	}
}

func lastSeq(t *testing.T, s taskdb.Store) int64 {
	t.Helper()
	stats, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats.LastSeq
}

func TestLeasesExpireByThemselves(t *testing.T) {
	s, _ := start(t, t.TempDir(), sqltaskdb.Options{Lease: 60 * time.Millisecond})
	create(t, s, taskdb.Task{ID: "a"})
	for want := int64(1); want <= 3; want++ {
		if c := claim(t, s, taskdb.MaxWait); c.Token != want {
			t.Fatalf("token %d, want %d", c.Token, want)
		}
		if e := await(t, s, lastSeq(t, s), taskdb.NotStarted); e.Error == nil || e.Error.Code != "lease-expired" {
			t.Fatalf("the feed tells %+v", e)
		}
	}
}

// TestWorkersGetALeaseAfterAStart: those whose heartbeats met a closed door
// must not lose their work to a restart.
func TestWorkersGetALeaseAfterAStart(t *testing.T) {
	const lease = 300 * time.Millisecond
	dir := t.TempDir()
	s, _ := start(t, dir, sqltaskdb.Options{Lease: lease})
	create(t, s, taskdb.Task{ID: "a"})
	claim(t, s, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	late := func() time.Time { return time.Now().Add(time.Hour) } // away for an hour
	began := time.Now()
	s, _ = start(t, dir, sqltaskdb.Options{Lease: lease, Now: late})
	create(t, s, taskdb.Task{ID: "b"}) // whatever else happens meanwhile
	claim(t, s, 0)
	await(t, s, lastSeq(t, s), taskdb.NotStarted)
	if d := time.Since(began); d < lease {
		t.Errorf("a lease was reaped %v after the start", d)
	}
}

func TestEverythingSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	s, _ := start(t, dir, sqltaskdb.Options{})
	create(t, s, taskdb.Task{ID: "a", Tags: []string{"x"}, IdempotencyKey: "k", Keep: time.Hour})
	create(t, s, taskdb.Task{ID: "later", RunAt: time.Now().Add(time.Hour)})
	c := claim(t, s, 0)
	before, err := s.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	seq := lastSeq(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ = start(t, dir, sqltaskdb.Options{})
	after, err := s.Get(t.Context(), "a")
	a, _ := json.Marshal(before)
	b, _ := json.Marshal(after)
	if err != nil || string(a) != string(b) || lastSeq(t, s) != seq {
		t.Errorf("before %s\nafter  %s, %v; last seq %d, was %d", a, b, err, lastSeq(t, s), seq)
	}
	errs, err := s.Finish(t.Context(), []taskdb.Finish{{ID: "a", Lease: c.Lease, Outputs: []taskdb.Output{{Blob: taskdb.Blob{Key: "k", SHA256: "s"}}}}})
	if err != nil || errs[0] != nil {
		t.Errorf("a lease from before: %v, %v", err, errs)
	}
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	start(t, dir, sqltaskdb.Options{})
	if _, err := Open(t.Context(), dir, sqltaskdb.Options{}); !errors.Is(err, dirlock.ErrInUse) {
		t.Errorf("a second one opened it: %v", err)
	}
}

func TestCloseEndsAllWaiting(t *testing.T) {
	s, _ := start(t, t.TempDir(), sqltaskdb.Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if list, err := s.Claim(t.Context(), taskdb.ClaimRequest{Worker: "w", Wait: taskdb.MaxWait}); err == nil {
				t.Errorf("a claim ended with %v", list)
			}
		})
		wg.Go(func() {
			if list, err := s.Events(t.Context(), 0, 0, taskdb.MaxWait); err == nil {
				t.Errorf("a reader ended with %v", list)
			}
		})
	}
	for range 50 { // time for them to begin to wait; if they do not, they find it closed
		if _, err := s.Stats(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("somebody waits on")
	}
}

// leaving is a database whose callers leave while it writes.
type leaving struct {
	db
	leave func()
}

func (l *leaving) Write(ctx context.Context, f func(sqltaskdb.Tx) error) error {
	defer l.leave()
	return l.db.Write(ctx, f)
}

func TestWhatIsClaimedForACallerWhoHasGoneIsReleased(t *testing.T) {
	d, err := openDB(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := &leaving{db: d, leave: func() {}}
	s := sqltaskdb.New(t.Context(), l, sqltaskdb.Options{})
	t.Cleanup(func() { s.Close() })
	create(t, s, taskdb.Task{ID: "a"})
	for _, r := range []taskdb.ClaimRequest{{Worker: "w"}, {Worker: "w", Wait: time.Minute}, {Worker: "w", ID: "a"}} {
		ctx, leave := context.WithCancel(t.Context())
		l.leave = leave
		list, err := s.Claim(ctx, r)
		l.leave = func() {}
		if !errors.Is(err, context.Canceled) || len(list) != 0 {
			t.Errorf("who has gone was given %v, %v", list, err)
		}
		if task, err := s.Get(t.Context(), "a"); err != nil || task.State != taskdb.NotStarted {
			t.Errorf("the task is %s, %v", task.State, err)
		}
	}
}

// TestALaneWithoutWorkHarmsNobody: the schema does not let it be, and a claim
// must not go round for ever if it is.
func TestALaneWithoutWorkHarmsNobody(t *testing.T) {
	s, d := start(t, t.TempDir(), sqltaskdb.Options{})
	err := d.Write(t.Context(), func(tx sqltaskdb.Tx) error {
		_, err := tx.Exec(`INSERT INTO lanes (owner, priority, needs, turn) VALUES ('ghost', 0, 'image', 0)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, taskdb.Task{ID: "a"})
	for range 2 {
		list, err := s.Claim(t.Context(), taskdb.ClaimRequest{Worker: "w"})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 {
			return
		}
	}
	t.Error("the ghost keeps the others from their turn")
}

// TestOutbox: each end of a task with a callback leaves one call to make, and
// nothing else does.
func TestOutbox(t *testing.T) {
	s, d := start(t, t.TempDir(), sqltaskdb.Options{Backoff: func(int) time.Duration { return 0 }})
	ctx := t.Context()
	for _, id := range []string{"finished-1", "failed-1", "canceled-1", "lost-1"} {
		create(t, s, taskdb.Task{ID: id, Owner: "ann", Callback: "https://example.com/" + id, Tags: []string{"x"}})
	}
	create(t, s, taskdb.Task{ID: "silent"})
	for range 5 {
		c := claim(t, s, 0)
		blob := taskdb.Blob{Key: "finished/k", SHA256: "5e", Size: 3}
		var err error
		switch c.ID {
		case "failed-1":
			_, err = s.Fail(ctx, []taskdb.Failure{{ID: c.ID, Lease: c.Lease, Error: taskdb.Error{Code: "bad", Detail: `a "detail"`}}})
		case "canceled-1":
			_, err = s.Cancel(ctx, c.ID)
		case "lost-1":
			_, err = s.Release(ctx, []taskdb.Release{{ID: c.ID, Lease: c.Lease}})
		default:
			f := []taskdb.Finish{{ID: c.ID, Lease: c.Lease, Outputs: []taskdb.Output{{Blob: blob}}, Facts: json.RawMessage(`{"width":3}`)}}
			_, err = s.Finish(ctx, f)
			_, again := s.Finish(ctx, f)
			err = errors.Join(err, again)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := d.Read().QueryContext(t.Context(), `SELECT o.task_id, o.owner, o.type, o.payload, o.url, o.attempts, o.next_at = o.created_at, e.state
		FROM outbox o JOIN events e ON e.seq = o.seq AND e.task_id = o.task_id ORDER BY o.id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	calls := map[string]string{}
	for rows.Next() {
		var id, owner, kind, payload, url, state string
		var attempts int
		var atOnce bool
		if err := rows.Scan(&id, &owner, &kind, &payload, &url, &attempts, &atOnce, &state); err != nil {
			t.Fatal(err)
		}
		if owner != "ann" || url != "https://example.com/"+id || attempts != 0 || !atOnce || kind != "task."+state || calls[id] != "" {
			t.Errorf("%s: %s %s %s, attempts %d, at once %v", id, owner, kind, url, attempts, atOnce)
		}
		calls[id] = payload
	}
	if err := rows.Err(); err != nil || len(calls) != 3 {
		t.Fatalf("calls to make: %v, %v", calls, err)
	}
	wantPayload(t, calls["finished-1"], taskdb.Finished)
	wantPayload(t, calls["failed-1"], taskdb.Failed)
	wantPayload(t, calls["canceled-1"], taskdb.Canceled)
}

func wantPayload(t *testing.T, payload string, state taskdb.State) {
	t.Helper()
	var p struct {
		ID, Owner  string
		State      taskdb.State
		Tags       []string
		Outputs    []taskdb.Output
		Facts      map[string]int
		Error      *taskdb.Error
		FinishedAt int64
	}
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	finished := state == taskdb.Finished && p.Outputs[0].SHA256 == "5e" && p.Facts["width"] == 3
	failed := state == taskdb.Failed && p.Error != nil && p.Error.Detail == `a "detail"`
	if p.State != state || len(p.Tags) != 1 || time.Since(time.UnixMicro(p.FinishedAt)).Abs() > time.Minute ||
		finished != (state == taskdb.Finished) || failed != (state == taskdb.Failed) {
		t.Errorf("%s tells %s", state, payload)
	}
}
