package sweeper

import (
	"context"
	"encoding/json"
	"errors"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/taskdb"
)

// PastKey holds the last event of the feed at the last sweep. Who restores the
// whole lab from a backup removes it.
const PastKey = pastKey

const (
	pastKey  = "sweeper/past"
	trustKey = "sweeper/trust" // put there by who knows that the task database is right
)

var errForgotten = fault.New(fault.Conflict, "forgotten",
	"the task database may have forgotten tasks whose images are in the storage; if it is right, put anything under the key "+trustKey)

// past is what the task database says of its past, compared with what it said
// at the last sweep.
type past struct {
	s      *Sweeper
	latest taskdb.Event // no seq: nothing has happened yet
	known  bool         // the past is what it was at the last sweep
	trust  bool         // and if not, it is believed this time
}

// past is errForgotten when the task database has another past than it had.
func (s *Sweeper) past(ctx context.Context) (p past, err error) {
	p.s = s
	stats, err := s.Tasks.Stats(ctx)
	if err != nil {
		return p, err
	}
	if p.latest, err = s.event(ctx, stats.LastSeq); err != nil {
		return p, err
	}
	if p.trust, err = s.trusted(ctx); err != nil || p.trust {
		p.known = p.trust
		return p, err
	}
	e, err := s.KV.Get(ctx, pastKey)
	if errors.Is(err, kv.ErrNotFound) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	var before taskdb.Event
	if err := json.Unmarshal(e.Value, &before); err != nil {
		return p, nil //nolint:nilerr // what cannot be read says nothing
	}
	p.known, err = s.happened(ctx, before, p.latest.Seq)
	return p, err
}

// event is the first one at or after a seq.
func (s *Sweeper) event(ctx context.Context, seq int64) (taskdb.Event, error) {
	if seq == 0 {
		return taskdb.Event{}, nil
	}
	list, err := s.Tasks.Events(ctx, seq-1, 1, 0)
	if err != nil || len(list) == 0 {
		return taskdb.Event{}, err
	}
	return list[0], nil
}

// happened looks for an event of the past. It is not known when events of that
// time are no longer kept, or when there was none yet: any database goes on from
// that, an emptied one too.
func (s *Sweeper) happened(ctx context.Context, before taskdb.Event, last int64) (known bool, err error) {
	if before.Seq == 0 {
		return false, nil
	}
	if before.Seq > last {
		return false, errForgotten.Detailf("its last event is %d, at the last sweep it was %d", last, before.Seq)
	}
	now, err := s.event(ctx, before.Seq)
	if errors.Is(err, taskdb.ErrCompacted) {
		if last-before.Seq >= taskdb.SeqLeap {
			return false, errForgotten.Detailf("it was restored from a backup since the last sweep")
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if now.Seq != before.Seq || now.ID != before.ID || now.State != before.State || !now.Time.Equal(before.Time) {
		return false, errForgotten.Detailf("its event %d is another than at the last sweep", before.Seq)
	}
	return true, nil
}

func (s *Sweeper) trusted(ctx context.Context) (bool, error) {
	_, err := s.KV.Get(ctx, trustKey)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// accept notes the past for the next sweep, if it can be believed: where
// nothing is known of it, rows must be as many as images without one.
func (p past) accept(ctx context.Context, unmarked, rows int) error {
	if !p.known && unmarked > rows {
		return errForgotten.Detailf("it has %d tasks, and there are %d images of none of them", rows, unmarked)
	}
	value, err := json.Marshal(p.latest)
	if err != nil {
		return err
	}
	if _, _, err := p.s.KV.Put(ctx, pastKey, value, kv.PutOptions{}); err != nil {
		return err
	}
	if p.trust {
		return p.s.KV.Delete(ctx, trustKey, 0)
	}
	return nil
}
