package main

import (
	"context"
	"time"

	"minilab/client"
	"minilab/internal/auth"
)

// keyFields are what is told of a key as JSON, as a frontend does.
type keyFields struct {
	ID        string       `json:"id"`
	Owner     string       `json:"owner"`
	Scopes    []auth.Scope `json:"scopes"`
	Note      string       `json:"note,omitempty"`
	CreatedAt time.Time    `json:"createdAt,omitzero"`
	ExpiresAt time.Time    `json:"expiresAt,omitzero"`
	UsedAt    time.Time    `json:"lastUsedAt,omitzero"`
}

// keyView is a key that was just made.
type keyView struct {
	Key string `json:"key"`
	keyFields
}

type keysView struct {
	Keys []keyFields `json:"keys"`
}

func fieldsOf(k auth.Key) keyFields {
	return keyFields{ID: k.ID, Owner: k.Owner, Scopes: k.Scopes, Note: k.Note, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt}
}

func viewsOf(all []auth.Listed) keysView {
	view := keysView{Keys: make([]keyFields, len(all))}
	for i, k := range all {
		view.Keys[i] = fieldsOf(k.Key)
		view.Keys[i].UsedAt = k.UsedAt
	}
	return view
}

// apiRing is the keys of the lab that a frontend is of.
type apiRing struct{ *client.Client }

// Create implements ring.
func (a apiRing) Create(ctx context.Context, wish auth.Key, now time.Time) (text string, made auth.Key, err error) {
	n := client.NewKey{Owner: wish.Owner, Note: wish.Note}
	for _, s := range wish.Scopes {
		n.Scopes = append(n.Scopes, string(s))
	}
	if !wish.ExpiresAt.IsZero() {
		n.Expires = wish.ExpiresAt.Sub(now)
	}
	k, text, err := a.CreateKey(ctx, n)
	return text, keyOf(k), err
}

// All implements ring.
func (a apiRing) All(ctx context.Context) ([]auth.Listed, error) {
	list, err := a.Keys(ctx)
	all := make([]auth.Listed, len(list))
	for i, k := range list {
		all[i] = auth.Listed{Key: keyOf(k), UsedAt: k.LastUsed}
	}
	return all, err
}

// Revoke implements ring.
func (a apiRing) Revoke(ctx context.Context, id string) error { return a.DeleteKey(ctx, id) }

func keyOf(k client.Key) auth.Key {
	key := auth.Key{ID: k.ID, Owner: k.Owner, Note: k.Note, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt}
	for _, s := range k.Scopes {
		key.Scopes = append(key.Scopes, auth.Scope(s))
	}
	return key
}
