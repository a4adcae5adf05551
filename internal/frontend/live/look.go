package live

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"minilab/internal/lab"
)

const (
	lookRounds = 16
	lookAtOnce = 8
)

// look reads the tasks as they are at one place in the feed, which it gives: as
// long as something happens to some of them while they are read, those are read
// again. Where some may be gone, they are missing.
func (h *Hub) look(ctx context.Context, a Asked, seq int64, gone bool) (map[string]lab.Task, int64, error) {
	tasks, todo := map[string]lab.Task{}, a.Tasks
	for range lookRounds {
		if err := h.read(ctx, a.Owner, todo, gone, tasks); err != nil {
			return nil, 0, err
		}
		var err error
		if todo, seq, err = h.changed(ctx, a, seq); err != nil {
			return nil, 0, err
		}
		if len(todo) == 0 {
			break
		}
	}
	return tasks, seq, nil
}

func (h *Hub) read(ctx context.Context, owner string, ids []string, gone bool, into map[string]lab.Task) error {
	found := make([]lab.Task, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lookAtOnce)
	for i, id := range ids {
		g.Go(func() (err error) {
			found[i], err = h.Customers.Task(ctx, lab.Ref{Owner: owner, ID: id}, 0)
			if gone && errors.Is(err, lab.ErrNotFound) {
				err = nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, id := range ids {
		delete(into, id)
		if found[i].ID != "" {
			into[id] = found[i]
		}
	}
	return nil
}

// changed says which of the tasks something has happened to after seq, and how
// far that goes. When nobody knows any more it may be all.
func (h *Hub) changed(ctx context.Context, a Asked, seq int64) ([]string, int64, error) {
	seen := map[string]struct{}{}
	for {
		page, err := h.Board.Events(ctx, seq, lab.MaxPage, 0)
		if errors.Is(err, lab.ErrCompacted) {
			stats, err := h.Board.Stats(ctx)
			return a.Tasks, stats.LastSeq, err
		}
		if err != nil {
			return nil, 0, err
		}
		for _, e := range page {
			seq = e.Seq
			if a.names(e.ID) {
				seen[e.ID] = struct{}{}
			}
		}
		if len(page) < lab.MaxPage {
			break
		}
	}
	list := make([]string, 0, len(seen))
	for id := range seen {
		list = append(list, id)
	}
	return list, seq, nil
}
