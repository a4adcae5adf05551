package mesh

import (
	"crypto/sha256"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often the secret file is looked at while it is used.
const lookEvery = time.Second

// ring is the keys of a secret file. Nobody watches the file: who needs a key
// looks at it, at most once in lookEvery.
type ring struct {
	path string
	log  *slog.Logger
	now  func() time.Time
	born time.Time

	held atomic.Pointer[keys]
	due  atomic.Int64 // when the next look is, after born

	mu     sync.Mutex        // of who looks
	seen   [sha256.Size]byte // the contents at the last look
	failed string            // what was wrong at the last look
}

func openRing(path string, log *slog.Logger, now func() time.Time) (*ring, error) {
	k, err := readKeys(path)
	if err != nil {
		return nil, err
	}
	r := &ring{path: path, log: log, now: now, born: now(), seen: k.sum}
	r.held.Store(k)
	r.due.Store(int64(lookEvery))
	return r, nil
}

// keys are those in force. Who comes while another one looks does not wait.
func (r *ring) keys() *keys {
	if r.age() >= r.due.Load() && r.mu.TryLock() {
		r.look()
		r.due.Store(r.age() + int64(lookEvery))
		r.mu.Unlock()
	}
	return r.held.Load()
}

func (r *ring) age() int64 { return int64(r.now().Sub(r.born)) }

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
	if k.sum == r.seen && k.sum != r.held.Load().sum {
		r.held.Store(k)
		r.log.Info("the secret file has changed", "secrets", len(k.verify.Keys))
	}
	r.seen = k.sum
}
