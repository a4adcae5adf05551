package uploads

import (
	"context"
	"time"
)

// Bounds of the time between two sweeps, which is a tenth of what uploads are
// kept.
const (
	leastPause = time.Second
	mostPause  = 10 * time.Minute
)

// Run removes what has expired until ctx ends.
func (s *Service) Run(ctx context.Context) {
	pause := time.NewTicker(min(max(s.keep/10, leastPause), mostPause))
	defer pause.Stop()
	for {
		s.sweep(ctx)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

func (s *Service) sweep(ctx context.Context) {
	for _, id := range s.store.ids() {
		if ctx.Err() != nil {
			return
		}
		if !s.expired(id) {
			continue
		}
		if err := s.alone(ctx, id, func() error { return s.end(id) }); err != nil {
			s.log.WarnContext(ctx, "an expired upload cannot be removed yet", "upload", id, "error", err)
		}
	}
}

// end removes an upload if, under its lock, it still has expired.
func (s *Service) end(id string) error {
	if !s.expired(id) {
		return nil
	}
	s.log.Info("upload has expired", "upload", id)
	return s.store.erase(id)
}

func (s *Service) expired(id string) bool {
	at, err := s.store.expires(id)
	return err == nil && time.Now().After(at)
}
