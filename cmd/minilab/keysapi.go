package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"minilab/internal/auth"
	"minilab/internal/httpx"
)

// keysPath is where a frontend has the keys.
const keysPath = "/api/v1/keys"

// keyFields are what a frontend says of a key.
type keyFields struct {
	ID        string       `json:"id"`
	Owner     string       `json:"owner"`
	Scopes    []auth.Scope `json:"scopes"`
	Note      string       `json:"note,omitempty"`
	CreatedAt time.Time    `json:"createdAt,omitzero"`
	ExpiresAt time.Time    `json:"expiresAt,omitzero"`
	UsedAt    time.Time    `json:"usedAt,omitzero"`
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

func (f keyFields) key() auth.Key {
	return auth.Key{ID: f.ID, Owner: f.Owner, Scopes: f.Scopes, Note: f.Note, CreatedAt: f.CreatedAt, ExpiresAt: f.ExpiresAt}
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
type apiRing struct{ client *httpx.Client }

func newAPIRing(server, key string) apiRing {
	return apiRing{httpx.NewClient(strings.TrimRight(server, "/"), shown{httpx.NewTransport(), key})}
}

// shown shows a key with every request.
type shown struct {
	next http.RoundTripper
	key  string
}

// RoundTrip implements http.RoundTripper.
func (s shown) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.key != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+s.key)
	}
	return s.next.RoundTrip(r)
}

// Create implements ring.
func (a apiRing) Create(ctx context.Context, wish auth.Key, _ time.Time) (text string, made auth.Key, err error) {
	in := map[string]any{"owner": wish.Owner, "scopes": wish.Scopes}
	if wish.Note != "" {
		in["note"] = wish.Note
	}
	if !wish.ExpiresAt.IsZero() {
		in["expires"] = wish.ExpiresAt.Format(time.RFC3339)
	}
	var out keyView
	_, err = a.client.JSON(ctx, http.MethodPost, keysPath, nil, in, &out)
	return out.Key, out.key(), err
}

// All implements ring.
func (a apiRing) All(ctx context.Context) ([]auth.Listed, error) {
	var out keysView
	if _, err := a.client.JSON(ctx, http.MethodGet, keysPath, nil, nil, &out); err != nil {
		return nil, err
	}
	all := make([]auth.Listed, len(out.Keys))
	for i, f := range out.Keys {
		all[i] = auth.Listed{Key: f.key(), UsedAt: f.UsedAt}
	}
	return all, nil
}

// Revoke implements ring.
func (a apiRing) Revoke(ctx context.Context, id string) error {
	_, err := a.client.JSON(ctx, http.MethodDelete, keysPath+"/"+url.PathEscape(id), nil, nil, nil)
	return err
}
