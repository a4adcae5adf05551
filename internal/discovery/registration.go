// Package discovery is how services find each other. Each one registers itself
// in the key-value store under services/<service>/<instance>, with a TTL;
// everybody else watches that prefix and balances over what is there.
package discovery

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"minilab/internal/kv"
)

// How long a registration lives, and how often it is renewed.
const (
	TTL     = 15 * time.Second
	Renewal = 5 * time.Second
)

// prefix is where all registrations are.
const prefix = "services/"

// retryPause is the pause after the key-value store could not be reached.
const retryPause = time.Second

// Instance is one running service as it registers itself.
type Instance struct {
	Service string `json:"-"`
	ID      string `json:"-"`
	URL     string `json:"url,omitempty"` // empty: it serves nobody, as a worker
	Version string `json:"version"`

	// Store is the identity of what keeps the service's data, if it keeps any:
	// instances that share it are one, others are not.
	Store string `json:"store,omitempty"`
}

func (i Instance) key() string { return prefix + i.Service + "/" + i.ID }

// Register keeps the instance registered until ctx ends, and then takes the
// registration back. While the key-value store is away it keeps trying, and so
// it does while the lab's service has another store, see ErrOtherStore.
func Register(ctx context.Context, store kv.Store, i Instance, log *slog.Logger) {
	value, err := json.Marshal(i)
	if err != nil {
		panic(err) // strings always marshal
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			withdraw(ctx, store, i, log)
			return
		case <-timer.C:
		}
		err := claimed(ctx, store, i)
		if err == nil {
			err = put(ctx, store, i.key(), value)
		}
		if err != nil && !failing && ctx.Err() == nil {
			log.WarnContext(ctx, "registration failed, trying on", "service", i.Service, "error", err)
		}
		failing = err != nil
		timer.Reset(pause(failing))
	}
}

// put gives up when the next renewal is due.
func put(ctx context.Context, store kv.Store, key string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, Renewal)
	defer cancel()
	_, _, err := store.Put(ctx, key, value, kv.PutOptions{TTL: TTL})
	return err
}

func pause(failing bool) time.Duration {
	if failing {
		return retryPause
	}
	return Renewal
}

func withdraw(ctx context.Context, store kv.Store, i Instance, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryPause)
	defer cancel()
	if err := store.Delete(ctx, i.key(), 0); err != nil {
		log.DebugContext(ctx, "registration was left to expire", "service", i.Service, "error", err)
	}
}
