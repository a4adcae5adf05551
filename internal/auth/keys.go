package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/kv/kvview"
)

// Limits of what a process follows.
const (
	maxKeys     = 100_000
	maxSessions = 100_000
)

// learnTime is how long a caller waits for the keys to be read for the first
// time.
const learnTime = 2 * time.Second

var (
	// errKey is said of every key that is not good, whatever is wrong with it;
	// its cause is logged.
	errKey = ErrUnauthorized.Detailf("the API key is not valid")

	// errUnread is said when nobody can know whether a key is good.
	errUnread = fault.ErrUnavailable.Detailf("the API keys cannot be read at the moment")
)

// Keys is what is known of the API keys, and of the sessions that they have
// opened. It follows the key-value store, so that a key that is revoked there
// is refused within a second, and keeps what it knows while the store is away.
//
//	k := auth.NewKeys(store)
//	go k.Follow(ctx, log)
//	principal, err := k.Check(ctx, "ml_…")
//
// It is safe for concurrent use.
type Keys struct {
	store    kv.Store
	keys     *kvview.View[Key]
	sessions *kvview.View[session]
	lookups  budget
	used     *usage
	now      func() time.Time

	exist func()        // closes some
	some  chan struct{} // closed once there has been a key
}

// NewKeys makes keys that know nothing yet; Follow has them learn.
func NewKeys(store kv.Store) *Keys {
	k := &Keys{store: store, used: newUsage(store), now: time.Now, some: make(chan struct{})}
	k.exist = sync.OnceFunc(func() { close(k.some) })
	k.keys = kvview.New(KeyPrefix, maxKeys, k.learn)
	k.sessions = kvview.New(sessionPrefix, maxSessions, parseSession)
	return k
}

// learn reads an entry. One that cannot be read is a key too, though nobody has
// it: were it none, a lab of such keys would be open.
func (k *Keys) learn(id string, e kv.Entry) (Key, error) {
	k.exist()
	return parseEntry(id, e.Value)
}

// Follow keeps the keys up to date, and notes when they are used, until ctx
// ends.
func (k *Keys) Follow(ctx context.Context, log *slog.Logger) {
	var all sync.WaitGroup
	all.Go(func() { k.keys.Follow(ctx, k.store, log) })
	all.Go(func() { k.sessions.Follow(ctx, k.store, log) })
	all.Go(func() { k.used.run(ctx, k.known, log) })
	all.Wait()
}

func (k *Keys) known(id string) bool {
	_, ok := k.keys.Get(id)
	return ok
}

// Synced is closed once the keys have been read for the first time.
func (k *Keys) Synced() <-chan struct{} { return k.keys.Synced() }

// Exist is closed once there has been a key.
func (k *Keys) Exist() <-chan struct{} { return k.some }

// Needed says whether callers need a key: where there has been one since this
// process started, even if it was revoked. It is an error as long as nobody
// knows.
func (k *Keys) Needed(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, learnTime, errUnread)
	defer cancel()
	select {
	case <-k.some:
		return true, nil
	case <-k.Synced():
	case <-ctx.Done():
		return true, context.Cause(ctx)
	}
	select {
	case <-k.some: // the listing had one
		return true, nil
	default:
		return false, nil
	}
}

// Check says who shows that key. It is ErrUnauthorized for a key that is
// unknown, revoked, expired or none at all, and fault.ErrUnavailable as long as
// the keys have not been read.
func (k *Keys) Check(ctx context.Context, text string) (Principal, error) {
	id, secret, ok := parseKey(text)
	if !ok {
		return Principal{}, errKey.Because(errors.New("this is no key"))
	}
	key, known, err := find(ctx, k, k.keys, id)
	if err != nil {
		return Principal{}, err
	}
	opened := key.opens(secret) // one that is not known takes as long
	if !opened || !known {
		return Principal{}, errKey.Because(fmt.Errorf("key %s: unknown, or another secret", id))
	}
	return k.admit(key)
}

// admit notes the use of a key whose secret is known.
func (k *Keys) admit(key Key) (Principal, error) {
	now := k.now()
	if key.Expired(now) {
		return Principal{}, errKey.Because(fmt.Errorf("key %s: expired", key.ID))
	}
	k.used.note(key.ID, now)
	return key.principal(), nil
}

// find looks a name up in a view, and in the store what may have been written
// just now. As many look-ups as there are unknown names would be a way to keep
// the store busy, so there is a budget; who exceeds it waits for the view.
func find[T any](ctx context.Context, k *Keys, view *kvview.View[T], name string) (value T, ok bool, err error) {
	if value, ok = view.Get(name); ok {
		return value, true, nil
	}
	if k.lookups.take(k.now()) {
		if value, ok, err = view.Read(ctx, k.store, name); err != nil && ctx.Err() == nil {
			err = errUnread.Because(err)
		}
		return value, ok, err
	}
	select {
	case <-view.Synced():
		return value, false, nil
	default:
		return value, false, errUnread
	}
}

// A process looks unknown names up this often at most.
const (
	lookupRate  = 10 // a second
	lookupBurst = 20
)

// budget is how many look-ups there may still be.
type budget struct {
	mu   sync.Mutex
	left float64
	at   time.Time
}

func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	since := max(now.Sub(b.at), 0) // a clock that is set back takes nothing away
	b.left = min(lookupBurst, b.left+since.Seconds()*lookupRate)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
