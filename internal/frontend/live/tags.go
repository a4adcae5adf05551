package live

import (
	"context"
	"errors"
	"slices"
	"sync"

	"minilab/internal/lab"
)

// maxTags is of how many tasks the tags are kept in mind, twice over.
const maxTags = 4096

// tags remembers the tags of tasks, which the feed does not tell. They never
// change.
type tags struct {
	mu       sync.Mutex
	now, old map[string][]string // by task
}

func (t *tags) get(id string) (list []string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if list, ok = t.now[id]; !ok {
		list, ok = t.old[id]
	}
	return list, ok
}

func (t *tags) put(id string, list []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil || len(t.now) >= maxTags {
		t.now, t.old = map[string][]string{}, t.now
	}
	t.now[id] = list
}

// tagged says whether a task has the tag. Of one that was deleted before anybody
// has asked, nobody knows.
func (h *Hub) tagged(ctx context.Context, owner, id, tag string) (bool, error) {
	list, ok := h.tags.get(id)
	if !ok {
		t, err := h.Customers.Task(ctx, lab.Ref{Owner: owner, ID: id}, 0)
		if errors.Is(err, lab.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		list = t.Tags
		h.tags.put(id, list)
	}
	return slices.Contains(list, tag), nil
}
