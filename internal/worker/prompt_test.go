package worker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/lab"
)

// prompt is a master that never waits: there is no work, at once.
type prompt struct {
	lab.Workers
	asked int
}

func (h *prompt) Claim(context.Context, lab.ClaimRequest) ([]lab.Work, error) {
	h.asked++
	return nil, nil
}

func TestAMasterThatDoesNotWaitIsNotAskedWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &prompt{}
		stop := start(t, h, nil, nil)
		time.Sleep(time.Minute) // of the bubble's clock
		stop()
		if h.asked < 10 || h.asked > 30 {
			t.Errorf("asked %d times in a minute", h.asked)
		}
	})
}
