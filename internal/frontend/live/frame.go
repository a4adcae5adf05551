package live

import (
	"encoding/json"
	"fmt"
	"time"

	"minilab/internal/lab"
)

// Names of events.
const (
	queued   = "queued"
	started  = "started"
	progress = "progress"
	retried  = "retried"
	deleted  = "deleted"
)

// Event is the data of an event.
type Event struct {
	Task     string     `json:"task"`
	State    lab.State  `json:"state,omitempty"`
	Progress float64    `json:"progress"`
	Stage    string     `json:"stage,omitempty"`
	Place    *lab.Place `json:"place,omitempty"`
	Error    *lab.Error `json:"error,omitempty"`
	Time     time.Time  `json:"time,omitzero"`
}

// frame is an event as it is written, once for all who listen.
type frame struct {
	subject
	seq   int64 // 0: it has no place in the feed
	text  []byte
	waits bool // the task waits now
	ended bool // it has ended or is gone
	moves bool // others that wait go ahead, or are overtaken
}

func newFrame(e lab.Event) *frame {
	data := Event{Task: e.ID, State: e.State, Progress: e.Progress, Stage: e.Stage, Error: e.Error, Time: e.Time}
	return &frame{
		subject: subject{e.Owner, e.ID}, seq: e.Seq, text: encode(e.Seq, name(e), data),
		waits: e.State == lab.NotStarted && !e.Deleted, ended: e.State.Ended() || e.Deleted,
		moves: e.From != e.State || e.Deleted,
	}
}

// name is what an event is called. An attempt that failed and is to be repeated
// says why; one that was given back does not.
func name(e lab.Event) string {
	switch {
	case e.Deleted:
		return deleted
	case e.State == lab.InProgress && e.From == lab.InProgress:
		return progress
	case e.State == lab.InProgress:
		return started
	case e.State != lab.NotStarted:
		return string(e.State)
	case e.From.Ended(), e.From == lab.InProgress && e.Error != nil:
		return retried
	}
	return queued
}

// present is a task's state as an event without a place in the feed.
func present(t lab.Task, place *lab.Place) []byte {
	name, at := string(t.State), t.UpdatedAt
	switch t.State {
	case lab.NotStarted:
		name = queued
	case lab.InProgress:
		name = progress
	}
	return encode(0, name, Event{Task: t.ID, State: t.State, Progress: t.Progress, Stage: t.Stage, Place: place, Error: t.Error, Time: at})
}

// encode writes an event; one with the seq 0 leaves the reader's place alone.
func encode(seq int64, name string, data Event) []byte {
	body, err := json.Marshal(data)
	if err != nil {
		panic(err) // numbers that are none do not come out of a database
	}
	var out []byte
	if seq > 0 {
		out = fmt.Appendf(out, "id: %d\n", seq)
	}
	return fmt.Appendf(out, "event: %s\ndata: %s\n\n", name, body)
}
