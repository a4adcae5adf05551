package sweeper

import (
	"context"
	"errors"
	"strings"
	"time"

	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// orphan is an image that no row points to.
type orphan struct {
	state    storage.State
	key      string
	size     int64
	modified time.Time
	expired  bool // its task was past its retention
}

// found is what a listing of the storage has shown.
type found struct {
	unmarked int      // images that no row points to, of any age
	old      []orphan // those older than the grace,
	more     bool     // and there are more of them
}

// list looks for images that no row pointed to when the marking began.
func (s *Sweeper) list(ctx context.Context, m *marks, began time.Time) (f found, err error) {
	var before time.Time // what is older, is older than the grace
	err = s.each(ctx, func(i storage.Info) error {
		if m.has(i.State, i.Key) {
			return nil
		}
		if f.unmarked++; before.IsZero() {
			now, err := s.clock(ctx)
			if err != nil {
				return err
			}
			before = now.Add(-elapsed(began) - s.Grace - s.exact)
		}
		switch {
		case !i.Modified.Before(before):
		case len(f.old) == s.most:
			f.more = true
		default:
			f.old = append(f.old, orphan{state: i.State, key: i.Key, size: i.Size, modified: i.Modified})
		}
		return nil
	})
	return f, err
}

// each visits all images.
func (s *Sweeper) each(ctx context.Context, visit func(storage.Info) error) error {
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		for cursor, first := "", true; first || cursor != ""; first = false {
			began := time.Now()
			page, err := s.Storage.List(ctx, state, cursor, 0)
			if err != nil {
				return err
			}
			for _, i := range page.Infos {
				if err := visit(i); err != nil {
					return err
				}
			}
			cursor = page.Next
			if err := rest(ctx, began); err != nil {
				return err
			}
		}
	}
	return nil
}

// clockKey is an image that is written only to learn the storage's time.
const clockKey = "sweeper/clock"

// clock is the storage's time. A storage that takes nothing any more because
// its disk is full needs sweeping most: then it is taken to be that of its
// newest image, or ours where that is earlier: what is young by either stays.
func (s *Sweeper) clock(ctx context.Context) (time.Time, error) {
	i, err := s.Storage.Put(ctx, storage.InProgress, clockKey, strings.NewReader("x"), storage.PutOptions{Size: 1})
	if err == nil {
		return i.Modified, s.Storage.Delete(ctx, storage.InProgress, clockKey)
	}
	if !errors.Is(err, storage.ErrNoSpace) {
		return time.Time{}, err
	}
	var newest time.Time
	err = s.each(ctx, func(i storage.Info) error {
		if i.Modified.After(newest) {
			newest = i.Modified
		}
		return nil
	})
	if now := time.Now(); newest.After(now) {
		newest = now
	}
	return newest, err
}

// remove deletes an orphan after a last look whether it is one.
func (s *Sweeper) remove(ctx context.Context, o orphan, swept *Swept) error {
	began := time.Now()
	is, err := s.stays(ctx, o)
	if err != nil || is {
		return err
	}
	if err := s.Storage.Delete(ctx, o.state, o.key); err != nil {
		return err
	}
	swept.Images++
	swept.Bytes += o.size
	s.metrics.removed(o)
	return rest(ctx, began)
}

// stays says whether an orphan is none any more, or soon, or has gone.
func (s *Sweeper) stays(ctx context.Context, o orphan) (bool, error) {
	i, err := s.Storage.Stat(ctx, o.state, o.key)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrKey): // a row may point to what cannot be
		return true, nil
	case errors.Is(err, storage.ErrCorrupt): // as it was listed
	case errors.Is(err, storage.ErrUnreadable): // the others can go
		return true, nil
	case err != nil:
		return false, err
	case !o.expired && !i.Modified.Truncate(time.Second).Equal(o.modified.Truncate(time.Second)):
		return true, nil
	}
	id, token := o.key, int64(0)
	if o.state == storage.Finished {
		id, token, _ = taskdb.ParseResultKey(o.key)
	}
	t, err := s.Tasks.Get(ctx, id)
	if errors.Is(err, taskdb.ErrNotFound) || errors.Is(err, taskdb.ErrID) {
		return false, nil
	}
	return pointsTo(t, o.state, o.key) || token > t.Token && t.State != taskdb.Finished, err
}
