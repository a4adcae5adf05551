package auth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// Where the keys that links are signed with are in the key-value store: all in
// one value, which is changed by compare-and-swap, so that processes agree.
const (
	signingPrefix = "signing/"
	signingName   = "links"

	maxSigningEntries = 16
)

// signerTime is how long links are signed with one key.
const signerTime = 30 * 24 * time.Hour

// secretBytes is the size of a signing key.
const secretBytes = 32

// errSigners is said when no link can be made or judged.
var errSigners = fault.ErrUnavailable.Detailf("the keys that links are signed with cannot be read at the moment")

// signer is a key that links are signed with.
type signer struct {
	ID        string    `json:"id"`
	Secret    []byte    `json:"secret"`
	CreatedAt time.Time `json:"createdAt"`
}

// signers are such keys, oldest first: the last one signs, the others are kept
// for the links that were signed before.
type signers []signer

func parseSigners(_ string, e kv.Entry) (list signers, err error) {
	if err := json.Unmarshal(e.Value, &list); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(list, func(s signer) bool { return len(s.Secret) != secretBytes || !isID(s.ID) }) {
		return nil, errors.New("this is no signing key")
	}
	return list, nil
}

// current is the key that signs, if it is not too old for that.
func (l signers) current(now time.Time) (signer, bool) {
	if len(l) == 0 {
		return signer{}, false
	}
	last := l[len(l)-1]
	return last, now.Sub(last.CreatedAt) < signerTime
}

// rotated adds a key, and leaves those out whose last link has expired.
func (l signers) rotated(now time.Time) signers {
	id, _ := newSecret()
	next := signer{ID: id, Secret: make([]byte, secretBytes), CreatedAt: now.UTC()}
	_, _ = rand.Read(next.Secret) // never fails
	list := append(slices.Clone(l), next)
	for len(list) > 1 && now.Sub(list[1].CreatedAt) > MaxLink {
		list = list[1:]
	}
	return list
}

// signer is the key to sign with. At first need it is made, and when it is old
// another one.
func (l *Links) signer(ctx context.Context, now time.Time) (signer, error) {
	list, err := changeSigners(ctx, l.store, func(list signers) (signers, bool) {
		_, good := list.current(now)
		if good {
			return list, false
		}
		return list.rotated(now), true
	})
	if err != nil {
		return signer{}, err
	}
	return list[len(list)-1], nil
}

// Rotate has links signed with a new key from now on; see Ring.RotateSigning.
func (l *Links) Rotate(ctx context.Context, forget bool) error {
	return Ring{l.store}.RotateSigning(ctx, l.now(), forget)
}

// RotateSigning has links signed with a new key from now on. Those that were
// made before stay good until they expire, unless forget is set: then none does.
func (r Ring) RotateSigning(ctx context.Context, now time.Time, forget bool) error {
	_, err := changeSigners(ctx, r.Store, func(list signers) (signers, bool) {
		if forget {
			list = nil
		}
		return list.rotated(now), true
	})
	return err
}

// changeSigners lets change say what the keys become, and whether that is to be
// written. Of several processes at once one writes, and the others see what.
func changeSigners(ctx context.Context, store kv.Store, change func(signers) (signers, bool)) (signers, error) {
	for {
		list, opts, err := readSigners(ctx, store)
		if err != nil {
			return nil, err
		}
		next, write := change(list)
		if !write {
			return next, nil
		}
		value, err := json.Marshal(next)
		if err != nil {
			return nil, err
		}
		switch _, _, err = store.Put(ctx, signingPrefix+signingName, value, opts); {
		case err == nil:
			return next, nil
		case !errors.Is(err, kv.ErrStale):
			return nil, errSigners.Because(err)
		}
	}
}

// readSigners gives the keys, and the condition for what takes their place.
func readSigners(ctx context.Context, store kv.Store) (signers, kv.PutOptions, error) {
	e, err := store.Get(ctx, signingPrefix+signingName)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, kv.PutOptions{IfAbsent: true}, nil
	}
	var list signers
	if err == nil {
		list, err = parseSigners(signingName, e)
	}
	if err != nil {
		return nil, kv.PutOptions{}, errSigners.Because(err)
	}
	return list, kv.PutOptions{IfMatch: e.Revision}, nil
}

// known finds a key by its ID, in the store if it may have been made just now.
func (l *Links) known(ctx context.Context, id string) (signer, error) {
	if !isID(id) {
		return signer{}, errLink
	}
	list, _ := l.signers.Get(signingName)
	if s, ok := list.find(id); ok {
		return s, nil
	}
	if !l.lookups.take(l.now()) {
		return signer{}, l.unknown()
	}
	list, _, err := l.signers.Read(ctx, l.store, signingName)
	if err != nil {
		return signer{}, errSigners.Because(err)
	}
	if s, ok := list.find(id); ok {
		return s, nil
	}
	return signer{}, errLink
}

// unknown is what is said of a key that is not in the view.
func (l *Links) unknown() error {
	select {
	case <-l.signers.Synced():
		return errLink
	default:
		return errSigners
	}
}

func (l signers) find(id string) (signer, bool) {
	i := slices.IndexFunc(l, func(s signer) bool { return s.ID == id })
	if i < 0 {
		return signer{}, false
	}
	return l[i], true
}
