package sweeper

import (
	"context"
	"hash/maphash"
	"iter"
	"time"

	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// marks are the keys that rows point to. Of each only a hash is kept, which
// takes up to 40 bytes of the map: 80 MB for a million finished tasks. Two keys
// with one hash keep each other alive until the next sweep, which hashes
// differently.
type marks struct {
	seed maphash.Seed
	keys map[uint64]struct{}
	rows int
}

// mark reads all tasks.
func (s *Sweeper) mark(ctx context.Context) (*marks, error) {
	m := &marks{seed: maphash.MakeSeed(), keys: map[uint64]struct{}{}}
	for f := (taskdb.Filter{}); ; {
		began := time.Now()
		page, err := s.Tasks.List(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, t := range page.Tasks {
			m.rows++
			for state, blob := range pointers(t) {
				m.keys[m.hash(state, blob.Key)] = struct{}{}
			}
		}
		if page.Next == "" {
			return m, nil
		}
		f.Cursor = page.Next
		if err := rest(ctx, began); err != nil {
			return nil, err
		}
	}
}

func (m *marks) hash(state storage.State, key string) uint64 {
	return maphash.String(m.seed, string(state)+"/"+key)
}

func (m *marks) has(state storage.State, key string) bool {
	_, marked := m.keys[m.hash(state, key)]
	return marked
}

// unmarked are those of a list that no row points to.
func (m *marks) unmarked(list []orphan) (left []orphan) {
	for _, o := range list {
		if !m.has(o.state, o.key) {
			left = append(left, o)
		}
	}
	return left
}

// pointers are the bytes that a task's row points to: its source, its outputs,
// and what the attempt in progress is about to make.
func pointers(t taskdb.Task) iter.Seq2[storage.State, taskdb.Blob] {
	return func(yield func(storage.State, taskdb.Blob) bool) {
		if !yield(storage.InProgress, t.Source) {
			return
		}
		for _, o := range t.Outputs {
			if t.State == taskdb.InProgress && !yield(storage.Finished, taskdb.Blob{Key: taskdb.ResultKey(t, o.Name)}) {
				return
			}
			if o.Key != "" && !yield(storage.Finished, o.Blob) {
				return
			}
		}
	}
}

func pointsTo(t taskdb.Task, state storage.State, key string) bool {
	for s, blob := range pointers(t) {
		if s == state && blob.Key == key {
			return true
		}
	}
	return false
}
