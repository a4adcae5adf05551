package sweeper

import (
	"context"
	"errors"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

const (
	lockKey = "locks/sweeper"
	restKey = "sweeper/rest" // is there for a while after a sweep
	lockTTL = 15 * time.Second
	minRest = 10 * time.Second

	releaseTime = 5 * time.Second
)

// Shares of the lock's TTL.
const (
	renewShare = 3 // a third passes between two renewals
	lifeShare  = 0.8
)

var (
	errBusy = fault.New(fault.Conflict, "busy", "another sweeper is at work")
	errLost = fault.New(fault.Conflict, "lock-lost", "the sweeper has lost its lock")
)

// lock makes this sweeper the only one until release. The context that it gives
// ends when the lock is lost, or as good as lost because it cannot be renewed.
func (s *Sweeper) lock(ctx context.Context) (held context.Context, release func(), err error) {
	sent := time.Now()
	e, _, err := s.KV.Put(ctx, lockKey, []byte(s.name), kv.PutOptions{TTL: s.lockTTL, IfAbsent: true})
	if errors.Is(err, kv.ErrStale) {
		err = errBusy
	}
	if err != nil {
		return nil, nil, err
	}
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.hold(held, e.Revision, sent, cancel)
	}()
	return held, func() {
		cancel(nil)
		<-done
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
		defer stop()
		_ = s.KV.Delete(ctx, lockKey, e.Revision) // else it expires
	}, nil
}

// hold renews the lock until ctx ends. Another can get it one TTL after the
// last renewal has come to the store, which is not before it was sent.
func (s *Sweeper) hold(ctx context.Context, revision int64, sent time.Time, lose context.CancelCauseFunc) {
	left := func() time.Duration {
		return time.Duration(float64(s.lockTTL)*lifeShare) - elapsed(sent)
	}
	renew := time.NewTicker(s.lockTTL / renewShare)
	defer renew.Stop()
	life := time.NewTimer(left())
	defer life.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-life.C:
			lose(errLost)
			return
		case <-renew.C:
		}
		try := time.Now()
		err := s.renew(ctx, revision, left())
		switch {
		case errors.Is(err, kv.ErrStale):
			lose(errLost)
			return
		case err == nil:
			sent = try
			life.Reset(left())
		}
	}
}

// renew puts the same once more, which only starts the TTL afresh.
func (s *Sweeper) renew(ctx context.Context, revision int64, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, _, err := s.KV.Put(ctx, lockKey, []byte(s.name), kv.PutOptions{TTL: s.lockTTL, IfMatch: revision})
	return err
}

// resting says whether somebody has swept lately, so that many masters do not
// sweep more often than one.
func (s *Sweeper) resting(ctx context.Context) (bool, error) {
	_, err := s.KV.Get(ctx, restKey)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// rested lets the others rest for half of the time between two sweeps.
func (s *Sweeper) rested(ctx context.Context) error {
	ttl := min(s.Every/2, kv.MaxTTL)
	if ttl < minRest {
		return nil
	}
	_, _, err := s.KV.Put(ctx, restKey, []byte(s.name), kv.PutOptions{TTL: ttl})
	return err
}
