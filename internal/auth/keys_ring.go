package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// Where what is known of keys is in the key-value store, by ID.
const (
	KeyPrefix  = "keys/"
	usedPrefix = "keys-used/"
)

// ErrNoKey says that there is no key of this ID.
var ErrNoKey = fault.New(fault.NotFound, "not-found", "there is no key of this ID")

// Ring is the keys that a key-value store keeps.
type Ring struct{ Store kv.Store }

// Listed is a key with its last use.
type Listed struct {
	Key
	UsedAt time.Time // up to a minute old; zero: never
}

// Create makes a key of what k wishes (owner, scopes, note, expiry) and gives
// its text, which is shown once and not kept.
func (r Ring) Create(ctx context.Context, k Key, now time.Time) (text string, made Key, err error) {
	if err := k.check(); err != nil {
		return "", Key{}, err
	}
	if k.Expired(now) {
		return "", Key{}, ErrInvalidKey.Detailf("a key expires in the future")
	}
	id, secret := newSecret()
	k.ID, k.Hash, k.CreatedAt = id, digestOf(secret), now.UTC().Truncate(time.Second)
	k.ExpiresAt = k.ExpiresAt.UTC()
	value, err := json.Marshal(k)
	if err != nil {
		return "", Key{}, err
	}
	if _, _, err := r.Store.Put(ctx, KeyPrefix+id, value, kv.PutOptions{IfAbsent: true}); err != nil {
		return "", Key{}, err
	}
	return keyText(id, secret), k, nil
}

// All gives the keys, oldest first. What cannot be read is among them, with
// nothing but its ID, so that it can be revoked.
func (r Ring) All(ctx context.Context) ([]Listed, error) {
	entries, err := r.list(ctx, KeyPrefix)
	if err != nil {
		return nil, err
	}
	used, err := r.list(ctx, usedPrefix)
	if err != nil {
		return nil, err
	}
	keys := make([]Listed, 0, len(entries))
	for id, value := range entries {
		k, err := parseEntry(id, value)
		if err != nil {
			k = Key{ID: id}
		}
		at, _ := time.Parse(time.RFC3339, string(used[id])) // what is none is none
		keys = append(keys, Listed{k, at})
	}
	slices.SortFunc(keys, func(a, b Listed) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return keys, nil
}

// list gives the values under a prefix, by name.
func (r Ring) list(ctx context.Context, prefix string) (map[string][]byte, error) {
	values := map[string][]byte{}
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := r.Store.List(ctx, prefix, cursor, 0)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			values[strings.TrimPrefix(e.Key, prefix)] = e.Value
		}
		if cursor == page.Next {
			break
		}
		cursor = page.Next
	}
	return values, nil
}

// Revoke takes a key back: it and the sessions that it has opened are good for
// nothing from now on.
func (r Ring) Revoke(ctx context.Context, id string) error {
	_, err := r.Store.Get(ctx, KeyPrefix+id)
	if errors.Is(err, kv.ErrNotFound) || errors.Is(err, kv.ErrKey) {
		return ErrNoKey.Detailf("there is no key %.80q", id)
	}
	if err != nil {
		return err
	}
	if err := r.Store.Delete(ctx, KeyPrefix+id, 0); err != nil {
		return err
	}
	return r.Store.Delete(ctx, usedPrefix+id, 0)
}
