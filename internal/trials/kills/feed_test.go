package kills

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/taskdbhttp"
)

// feedWait is how long one reading of the feed waits: less than a stop, so
// that there are readings before and after each.
const feedWait = time.Second

// watcher reads the task database's feed while the lab is struck, over
// restarts, so that it can be compared with what is there in the end.
type watcher struct {
	transport *http.Transport
	blame     func(format string, args ...any)
	done      chan struct{}

	mu   sync.Mutex
	base string // of the task database
	seen []taskdb.Event
}

func newWatcher(blame func(string, ...any)) *watcher {
	return &watcher{transport: httpx.NewTransport(), blame: blame, done: make(chan struct{})}
}

// move says where the task database is by now.
func (w *watcher) move(base string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.base = base
}

// client is one of the task database.
func (w *watcher) client() *taskdbhttp.Client {
	w.mu.Lock()
	defer w.mu.Unlock()
	return taskdbhttp.NewClient(httpx.NewClient(w.base, w.transport))
}

// follow reads until ctx ends.
func (w *watcher) follow(ctx context.Context) {
	defer close(w.done)
	for ctx.Err() == nil {
		list, err := w.client().Events(ctx, w.last(), 0, feedWait)
		if errors.Is(err, taskdb.ErrCompacted) {
			w.blame("the feed: %v", err)
			return
		}
		if err != nil {
			_ = sleep(ctx, retryPause)
		}
		w.mu.Lock()
		w.seen = append(w.seen, list...)
		w.mu.Unlock()
	}
}

func (w *watcher) last() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) == 0 {
		return 0
	}
	return w.seen[len(w.seen)-1].Seq
}

// everything is the whole feed, all tasks and their counts, of a lab that is at
// rest.
func (w *watcher) everything(ctx context.Context) (e evidence, err error) {
	db := w.client()
	if e.events, err = allEvents(ctx, db); err != nil {
		return e, err
	}
	if e.tasks, err = allTasks(ctx, db); err != nil {
		return e, err
	}
	stats, err := db.Stats(ctx)
	e.counts = stats.Counts
	return e, err
}

func allEvents(ctx context.Context, db taskdb.Feed) (events []taskdb.Event, err error) {
	for after := int64(0); ; after = events[len(events)-1].Seq {
		page, err := db.Events(ctx, after, 0, 0)
		if err != nil || len(page) == 0 {
			return events, err
		}
		events = append(events, page...)
	}
}

func allTasks(ctx context.Context, db taskdb.Tasks) (tasks []taskdb.Task, err error) {
	for _, state := range taskdb.States {
		for f := (taskdb.Filter{State: state}); ; {
			page, err := db.List(ctx, f)
			if err != nil {
				return nil, err
			}
			tasks = append(tasks, page.Tasks...)
			if f.Cursor = page.Next; f.Cursor == "" {
				break
			}
		}
	}
	return tasks, nil
}
