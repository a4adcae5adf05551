package master

import (
	"context"
	"time"

	"minilab/internal/lab"
	"minilab/internal/taskdb"
)

// Events implements lab.Board.
func (m *Master) Events(ctx context.Context, after int64, limit int, wait time.Duration) ([]lab.Event, error) {
	list, err := m.DB.Events(ctx, after, limit, wait)
	if err != nil {
		return nil, translate(err)
	}
	out := make([]lab.Event, len(list))
	for i, e := range list {
		out[i] = lab.Event{
			Seq: e.Seq, ID: e.ID, Owner: e.Owner, From: lab.State(e.From), State: lab.State(e.State), Deleted: e.Deleted,
			Progress: e.Progress, Stage: e.Stage, Time: e.Time,
		}
		if e.Error != nil {
			out[i].Error = &lab.Error{Code: e.Error.Code, Detail: e.Error.Detail}
		}
	}
	return out, nil
}

// Places implements lab.Board.
func (m *Master) Places(ctx context.Context, ids []string) ([]lab.Place, error) {
	list, err := m.DB.Places(ctx, ids)
	if err != nil {
		return nil, translate(err)
	}
	out := make([]lab.Place, len(list))
	for i, p := range list {
		out[i] = lab.Place{Ahead: p.Ahead, Seconds: p.Wait.Seconds()}
	}
	return out, nil
}

// Stats implements lab.Board.
func (m *Master) Stats(ctx context.Context) (lab.Stats, error) {
	s, err := m.DB.Stats(ctx)
	if err != nil {
		return lab.Stats{}, translate(err)
	}
	counts := map[lab.State]int64{}
	for _, state := range taskdb.States {
		counts[lab.State(state)] = s.Counts[state]
	}
	return lab.Stats{
		Counts: counts, Ready: s.Ready, OldestSeconds: s.OldestAge.Seconds(),
		FinishedMinute: s.FinishedMinute, FailedMinute: s.FailedMinute, LastSeq: s.LastSeq,
	}, nil
}
