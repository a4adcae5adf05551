package master

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/taskdb"
)

// prompt is a task database that never waits: there are no events, at once.
type prompt struct {
	taskdb.Store
	asked int
}

func (h *prompt) Events(context.Context, int64, int, time.Duration) ([]taskdb.Event, error) {
	h.asked++
	return nil, nil
}

func (h *prompt) Stats(context.Context) (taskdb.Stats, error) { return taskdb.Stats{}, nil }

func TestAFeedThatDoesNotWaitIsNotReadWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &prompt{}
		e := newEnds(h, slog.New(slog.DiscardHandler))
		_, stop, _ := e.wait(t.Context(), "a")
		time.Sleep(time.Minute) // of the bubble's clock
		stop()
		e.close()
		if h.asked < 60 || h.asked > 125 {
			t.Errorf("read %d times in a minute", h.asked)
		}
	})
}
