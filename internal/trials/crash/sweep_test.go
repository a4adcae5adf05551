package crash_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/trials"
)

// TestSweep kills what a sweep changes: the storage that loses images without a
// task, and the task database that loses tasks past their time.
func TestSweep(t *testing.T) {
	t.Parallel()
	for victim, short := range map[string][]point{ // a sweep takes seconds
		"storage": {{"unlink inProgress/image", 1}, {"sync finished", 1}},
		"taskdb":  {{"sync taskdb.db-wal", 1}},
	} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, trials.SixProcesses, victim, "--sweep-every=1s", "--sweep-grace=2s")
			kept := map[string][]byte{}
			for i := range 3 { // a sweeper that sees more bytes without a task than tasks believes nothing
				before := trials.PNG(16, 12, uint8(i))
				id, err := persist(s.ctx, func() (string, error) { return s.customer().Upload(s.ctx, before) })
				if err != nil {
					t.Fatal(err)
				}
				kept[id] = before
			}
			n := 0
			do := func(p point) *trap {
				n++
				return s.sweep(p, fmt.Sprintf("gone-%d", n))
			}
			if *every {
				enumerate(t, 0, do)
				short = nil
			}
			for _, p := range short {
				if tr := do(p); !tr.has() {
					t.Errorf("%v was not come to: %q", p, tr.seen())
				}
			}
			for id, before := range kept {
				if err := s.exact(s.ctx, id, before); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
			s.tally.log(t)
		})
	}
}

// sweep makes a task that is kept for a moment, and an image without a task,
// and waits with a kill at the point until both are swept.
func (s *stage) sweep(p point, id string) *trap {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	image := trials.PNG(16, 12, 9)
	put := func(state storage.State, key string) storage.Info {
		info, err := s.storage().Put(ctx, state, key, bytes.NewReader(image), storage.PutOptions{Size: int64(len(image)), ContentType: "image/png"})
		if err != nil {
			s.Fatalf("%v: %v", p, err)
		}
		return info
	}
	put(storage.Finished, "orphan-"+id)
	source := put(storage.InProgress, id)
	task := taskdb.Task{ID: id, Pipeline: pipeline.Default(), Keep: time.Second, Source: taskdb.Blob{
		Key: id, Size: source.Size, SHA256: source.SHA256, ContentType: source.ContentType,
	}}
	if _, _, err := s.tasks().Create(ctx, task); err != nil {
		s.Fatalf("%v: %v", p, err)
	}
	if st, err := s.customer().Await(ctx, id); err != nil || st.Status != "finished" {
		s.Fatalf("%v: it became %+v, %v", p, st, err)
	}
	t := s.run(p, func(ctx context.Context) { s.awaitSwept(ctx, p, id) })
	if err := errors.Join(wholeFiles(s.dir), noDrafts(s.dir)); err != nil {
		s.Errorf("%v: %v", p, err)
	}
	s.tally.spring(t, "swept in the end")
	return t
}

// awaitSwept asks for what must go until all of it has gone.
func (s *stage) awaitSwept(ctx context.Context, p point, id string) {
	gone := func() (bool, error) {
		if _, err := s.tasks().Get(ctx, id); !errors.Is(err, taskdb.ErrNotFound) {
			return false, fmt.Errorf("the task: %w", err)
		}
		for state, key := range map[storage.State]string{storage.InProgress: id, storage.Finished: "orphan-" + id} {
			if _, err := s.storage().Stat(ctx, state, key); !errors.Is(err, storage.ErrNotFound) {
				return false, fmt.Errorf("%s/%s: %w", state, key, err)
			}
		}
		_, err := s.storage().Stat(ctx, storage.Finished, id+".1")
		return errors.Is(err, storage.ErrNotFound), fmt.Errorf("the result: %w", err)
	}
	for {
		swept, err := gone()
		if swept {
			return
		}
		select {
		case <-time.After(pause): // there is no event to wait for
		case <-ctx.Done():
			s.Errorf("%v: it is not swept: %v", p, err)
			return
		}
	}
}
