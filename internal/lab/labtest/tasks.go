package labtest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"minilab/internal/lab"
	"minilab/internal/storage"
)

// hand hands an image of those bytes in.
func hand(t *testing.T, f Fixture, s lab.Submission, data string) (lab.Task, error) {
	t.Helper()
	s.ContentType, s.Size = "image/png", int64(len(data))
	return f.Lab.Submit(t.Context(), s, strings.NewReader(data))
}

func handed(t *testing.T, f Fixture, s lab.Submission, data string) lab.Task {
	t.Helper()
	task, err := hand(t, f, s, data)
	if err != nil {
		t.Fatalf("Submit: %v", err)
	}
	return task
}

func bytesOf(t *testing.T, res lab.Result) string {
	t.Helper()
	body, err := res.Open(t.Context(), 0, 0)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	return string(data)
}

func testTask(t *testing.T, f Fixture) {
	task := handed(t, f, lab.Submission{
		Owner: "ann", Pipeline: parse(t, "flip/webp:80"), Tags: []string{"a", "b c"}, Priority: -2, Keep: time.Hour, Callback: "https://example.com/x",
	}, image)
	if task.State != lab.NotStarted || task.Pipeline != "flip/webp" || !slices.Equal(task.Tags, []string{"a", "b c"}) || task.Priority != -2 ||
		task.Callback != "https://example.com/x" || task.Source != (lab.Photo{ContentType: "image/png", Size: int64(len(image)), SHA256: digest(image)}) ||
		len(task.Outputs) != 1 || time.Since(task.CreatedAt).Abs() > time.Minute {
		t.Errorf("a new task is %+v", task)
	}
	w := claim(t, f)
	if err := f.Lab.Heartbeat(t.Context(), w.ID, w.Lease, lab.Beat{Progress: 0.4, Stage: "altering"}); err != nil {
		t.Fatal(err)
	}
	if at := status(t, f, task.ID); at.State != lab.InProgress || at.Progress != 0.4 || at.Stage != "altering" || at.StartedAt.IsZero() {
		t.Errorf("at work it is %+v", at)
	}
	finish(t, f, w, "altered")
	end := status(t, f, task.ID)
	if end.State != lab.Finished || end.Progress != 1 || end.Outputs[0].SHA256 != digest("altered") || !end.ExpiresAt.Equal(end.FinishedAt.Add(time.Hour)) {
		t.Errorf("finished it is %+v", end)
	}
	res, err := f.Lab.Original(t.Context(), lab.Ref{Owner: "ann", ID: task.ID})
	if err != nil || res.SHA256 != digest(image) || bytesOf(t, res) != image {
		t.Errorf("the original is %+v, %v", res, err)
	}
}

func testOwners(t *testing.T, f Fixture) {
	task := handed(t, f, lab.Submission{Owner: "ann"}, image)
	finish(t, f, claim(t, f), "altered")
	own, other := lab.Ref{Owner: "ann", ID: task.ID}, lab.Ref{Owner: "bob", ID: task.ID}
	for name, ask := range map[string]func(context.Context, lab.Ref) error{
		"Task":     func(ctx context.Context, r lab.Ref) error { _, err := f.Lab.Task(ctx, r, 0); return err },
		"waiting":  func(ctx context.Context, r lab.Ref) error { _, err := f.Lab.Task(ctx, r, time.Second); return err },
		"Result":   func(ctx context.Context, r lab.Ref) error { _, err := f.Lab.Result(ctx, r, ""); return err },
		"Original": func(ctx context.Context, r lab.Ref) error { _, err := f.Lab.Original(ctx, r); return err },
		"Cancel":   func(ctx context.Context, r lab.Ref) error { _, err := f.Lab.Cancel(ctx, r); return err },
		"Retry":    func(ctx context.Context, r lab.Ref) error { _, err := f.Lab.Retry(ctx, r); return err },
		"Delete":   f.Lab.Delete,
	} {
		want(t, name+" by another", ask(t.Context(), other), lab.ErrNotFound)
		if err := ask(t.Context(), own); errors.Is(err, lab.ErrNotFound) && name != "Delete" {
			page, _ := f.Lab.Tasks(t.Context(), lab.Filter{})
			if len(page.Tasks) > 0 { // Delete may have come before
				t.Errorf("%s by its owner: %v", name, err)
			}
		}
	}
	handed(t, f, lab.Submission{Owner: "bob"}, image)
	for owner, n := range map[string]int{"ann": 0, "bob": 1, "eve": 0, "": 1} {
		page, err := f.Lab.Tasks(t.Context(), lab.Filter{Owner: owner})
		if err != nil || len(page.Tasks) != n {
			t.Errorf("%q has %d tasks, %v; want %d", owner, len(page.Tasks), err, n)
		}
	}
}

func testListTasks(t *testing.T, f Fixture) {
	var ids []string
	for range 5 {
		ids = append(ids, handed(t, f, lab.Submission{Owner: "ann", Tags: []string{"t"}, Fresh: true}, image).ID)
	}
	handed(t, f, lab.Submission{Owner: "ann"}, image+"x")
	for _, ascending := range []bool{true, false} {
		var got []string
		for cursor := ""; ; {
			page, err := f.Lab.Tasks(t.Context(), lab.Filter{Owner: "ann", Tag: "t", State: lab.NotStarted, Ascending: ascending, Cursor: cursor, Limit: 2})
			if err != nil || len(page.Tasks) > 2 {
				t.Fatalf("%d tasks, %v", len(page.Tasks), err)
			}
			for _, task := range page.Tasks {
				got = append(got, task.ID)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if !ascending {
			slices.Reverse(got)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("ascending %v: %v, want %v", ascending, got, ids)
		}
	}
	_, err := f.Lab.Tasks(t.Context(), lab.Filter{Cursor: "nonsense"})
	want(t, "a cursor that is none", err, lab.ErrCursor)
}

func testMoves(t *testing.T, f Fixture) {
	ref := lab.Ref{ID: handed(t, f, lab.Submission{}, image).ID}
	_, err := f.Lab.Retry(t.Context(), ref)
	want(t, "Retry of what waits", err, lab.ErrTransition)
	for range 2 {
		if task, err := f.Lab.Cancel(t.Context(), ref); err != nil || task.State != lab.Canceled || task.ID != ref.ID {
			t.Errorf("Cancel: %+v, %v", task, err)
		}
	}
	if task, err := f.Lab.Retry(t.Context(), ref); err != nil || task.State != lab.NotStarted {
		t.Errorf("Retry: %+v, %v", task, err)
	}
	finish(t, f, claim(t, f), "altered")
	_, err = f.Lab.Cancel(t.Context(), ref)
	want(t, "Cancel of what has finished", err, lab.ErrTransition)
}

func testDelete(t *testing.T, f Fixture) {
	ref := lab.Ref{ID: handed(t, f, lab.Submission{}, image).ID}
	w := claim(t, f)
	finish(t, f, w, "altered")
	if err := f.Lab.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	want(t, "Delete again", f.Lab.Delete(t.Context(), ref), lab.ErrNotFound)
	_, err := f.Lab.Task(t.Context(), ref, 0)
	want(t, "Task after Delete", err, lab.ErrNotFound)
	for state, key := range map[storage.State]string{storage.InProgress: w.Source.Key, storage.Finished: w.Outputs[0].Key} {
		_, err := f.Storage.Stat(t.Context(), state, key)
		want(t, "the bytes "+string(state), err, storage.ErrNotFound)
	}
}

func testIdempotency(t *testing.T, f Fixture) {
	s := lab.Submission{Owner: "ann", IdempotencyKey: "k", Fresh: true}
	first := handed(t, f, s, image)
	if again := handed(t, f, s, image); again.ID != first.ID {
		t.Errorf("the same again is %s, not %s", again.ID, first.ID)
	}
	images, err := f.Storage.List(t.Context(), storage.InProgress, "", 0)
	if err != nil || len(images.Infos) != 1 {
		t.Errorf("%d images are kept, %v", len(images.Infos), err)
	}
	_, err = hand(t, f, s, image+"x")
	want(t, "other bytes", err, lab.ErrIdempotency)
	other := s
	other.Pipeline = parse(t, "flip")
	_, err = hand(t, f, other, image)
	want(t, "another pipeline", err, lab.ErrIdempotency)
	bob := s
	bob.Owner = "bob"
	if task := handed(t, f, bob, image); task.ID == first.ID {
		t.Error("another owner's key gives the same task")
	}
	finish(t, f, claim(t, f), "altered")
	if again := handed(t, f, s, image); again.ID != first.ID {
		t.Errorf("after the end it is %s, not %s", again.ID, first.ID)
	}
}

func testReuse(t *testing.T, f Fixture) {
	s := lab.Submission{Owner: "ann", Outputs: parseOutputs(t, "a=flip|b=swap")}
	first := handed(t, f, s, image)
	if second := handed(t, f, s, image); second.State != lab.NotStarted {
		t.Errorf("before the first has finished the second is %s", second.State)
	} else if err := f.Lab.Delete(t.Context(), lab.Ref{ID: second.ID}); err != nil {
		t.Fatal(err)
	}
	w := claim(t, f)
	if err := f.Lab.Finish(t.Context(), w.ID, w.Lease, produceAll(t, f, w)); err != nil {
		t.Fatal(err)
	}
	again := handed(t, f, s, image)
	if again.ID == first.ID || again.State != lab.Finished || len(again.Outputs) != 2 || !strings.Contains(string(again.Facts), "4000") {
		t.Fatalf("the same again is %+v", again)
	}
	for name, other := range map[string]lab.Submission{
		"fresh":            {Owner: "ann", Outputs: s.Outputs, Fresh: true},
		"another owner":    {Owner: "bob", Outputs: s.Outputs},
		"another pipeline": {Owner: "ann", Outputs: parseOutputs(t, "a=flip|b=flop")},
		"other names":      {Owner: "ann", Outputs: parseOutputs(t, "a=flip|c=swap")},
	} {
		if task := handed(t, f, other, image); task.State != lab.NotStarted {
			t.Errorf("%s: it is %s", name, task.State)
		}
	}
	if task := handed(t, f, s, image+"x"); task.State != lab.NotStarted {
		t.Errorf("other bytes: it is %s", task.State)
	}
	if err := f.Lab.Delete(t.Context(), lab.Ref{ID: first.ID}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if got := named(t, f, again.ID, name); got != name {
			t.Errorf("once the first is deleted the output %q is %q", name, got)
		}
	}
	third := handed(t, f, s, image)
	if third.State != lab.Finished || named(t, f, third.ID, "b") != "b" {
		t.Errorf("of a copy it is %+v", third)
	}
}

func testBoard(t *testing.T, f Fixture) {
	before, err := f.Lab.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, second := handed(t, f, lab.Submission{Fresh: true}, image), handed(t, f, lab.Submission{Fresh: true}, image)
	places, err := f.Lab.Places(t.Context(), []string{first.ID, second.ID, "unknown"})
	if err != nil || len(places) != 3 || places[0].Ahead != 0 || places[1].Ahead != 1 {
		t.Errorf("the places are %+v, %v", places, err)
	}
	stats, err := f.Lab.Stats(t.Context())
	if err != nil || stats.Ready != 2 || stats.Counts[lab.NotStarted] != 2 || len(stats.Counts) != 5 || stats.LastSeq != before.LastSeq+2 {
		t.Errorf("the stats are %+v, %v", stats, err)
	}
	finish(t, f, claim(t, f), "altered")
	list, err := f.Lab.Events(t.Context(), stats.LastSeq, 0, 0)
	if err != nil || len(list) != 2 || list[0].ID != first.ID || list[0].From != lab.NotStarted || list[1].State != lab.Finished || list[1].Owner != "public" {
		t.Errorf("the events are %+v, %v", list, err)
	}
	waiting := make(chan []lab.Event, 1)
	go func() {
		list, _ := f.Lab.Events(t.Context(), list[1].Seq, 1, lab.MaxWait)
		waiting <- list
	}()
	if _, err := f.Lab.Cancel(t.Context(), lab.Ref{ID: second.ID}); err != nil {
		t.Fatal(err)
	}
	if list := <-waiting; len(list) != 1 || list[0].State != lab.Canceled {
		t.Errorf("a waiting reader got %+v", list)
	}
}
