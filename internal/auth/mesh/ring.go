package mesh

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync/atomic"
	"time"
)

// lookEvery is how often the secret file is read again.
const lookEvery = time.Second

// ring is the keys of a secret file.
type ring struct {
	path string
	log  *slog.Logger
	keys atomic.Pointer[keys] // those in force

	// Of who looks, which is one at a time.
	seen   [sha256.Size]byte // the contents at the last look
	failed string            // what was wrong at the last look
}

func openRing(path string, log *slog.Logger) (*ring, error) {
	k, err := readKeys(path)
	if err != nil {
		return nil, err
	}
	r := &ring{path: path, log: log, seen: k.sum}
	r.keys.Store(k)
	return r, nil
}

// Follow takes over what becomes of the secret file, until ctx ends.
func (m *Member) Follow(ctx context.Context) {
	if !m.Secured() {
		return
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.secret.look()
		}
	}
}

// look takes over what the file has once it is the same at two looks in a row:
// it may be half written at one of them.
func (r *ring) look() {
	k, err := readKeys(r.path)
	if err != nil {
		if err.Error() == r.failed {
			return
		}
		r.failed = err.Error()
		r.log.Warn("the secrets that were read before stay in force", "error", err)
		return
	}
	r.failed = ""
	if k.sum == r.seen && k.sum != r.keys.Load().sum {
		r.keys.Store(k)
		r.log.Info("the secret file has changed", "secrets", len(k.verify.Keys))
	}
	r.seen = k.sum
}
