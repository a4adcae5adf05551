package frontend

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"minilab/internal/auth"
)

// Ring is where the keys of the lab are kept; auth.Ring is one.
type Ring interface {
	Create(ctx context.Context, wish auth.Key, now time.Time) (text string, made auth.Key, err error)
	All(ctx context.Context) ([]auth.Listed, error)
	Revoke(ctx context.Context, id string) error
}

// Key is an API key without its secret.
type Key struct {
	ID         string       `json:"id" example:"k3v5x7abcd"`
	Owner      string       `json:"owner" doc:"Whose tasks are made and seen with it; absent where the key cannot be read" example:"shop"`
	Scopes     []auth.Scope `json:"scopes" enum:"submit,read,admin"`
	Note       string       `json:"note,omitempty" doc:"For people"`
	CreatedAt  time.Time    `json:"createdAt,omitzero"`
	ExpiresAt  time.Time    `json:"expiresAt,omitzero" doc:"Without: never"`
	LastUsedAt time.Time    `json:"lastUsedAt,omitzero" doc:"Up to a minute old; without: never"`
}

// NewKey is an API key with its secret.
type NewKey struct {
	Key string `json:"key" doc:"What callers show; it is told this once" example:"ml_k3v5x7abcd_q4ztmd2nq7wq5hk3yvv2b6c7ah0badc0de"`
	KeyFields
}

// KeyFields are a Key within a NewKey, whose own field is of that name.
type KeyFields Key

type keysOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Keys []Key `json:"keys"`
	}
}

type keyOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         NewKey
}

type keyIn struct {
	Body struct {
		Owner   string       `json:"owner,omitempty" maxLength:"64" doc:"1 to 64 of a-z, 0-9, dot, underscore and hyphen; without: the caller's" example:"shop"`
		Scopes  []auth.Scope `json:"scopes" minItems:"1" maxItems:"3" enum:"submit,read,admin"`
		Expires string       `json:"expires,omitempty" maxLength:"40" doc:"After a duration such as 720h or 30d, or at a time such as 2027-01-31T00:00:00Z; without: never"`
		Note    string       `json:"note,omitempty" maxLength:"200" doc:"For people"`
	}
}

type keyID struct {
	ID string `path:"id" maxLength:"64" example:"k3v5x7abcd"`
}

// routeKeys adds the keys. The scope admin is for the lab, not for an owner:
// who has it makes keys for any owner, and sees and revokes all of them.
func (a *api) routeKeys() {
	tags := []string{"Keys"}
	resource(a, operation(huma.Operation{
		OperationID: "list-keys", Method: http.MethodGet, Path: "/keys", Tags: tags,
		Summary: "List the keys of all owners, the oldest first",
	}, auth.Admin), auth.Admin, a.listKeys)
	resource(a, operation(huma.Operation{
		OperationID: "create-key", Method: http.MethodPost, Path: "/keys", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Make a key, for any owner", Description: "From the first key on every call needs one.",
	}, auth.Admin), auth.Admin, a.createKey)
	resource(a, operation(huma.Operation{
		OperationID: "revoke-key", Method: http.MethodDelete, Path: "/keys/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Take a key back; every frontend refuses it within a second",
	}, auth.Admin, http.StatusNotFound), auth.Admin, func(ctx context.Context, _ auth.Principal, in *keyID) (*struct{}, error) {
		return nil, a.Ring.Revoke(ctx, in.ID)
	})
}

func newKey(k auth.Listed) Key {
	return Key{k.ID, k.Owner, k.Scopes, k.Note, k.CreatedAt, k.ExpiresAt, k.UsedAt}
}

func (a *api) listKeys(ctx context.Context, _ auth.Principal, _ *struct{}) (*keysOut, error) {
	all, err := a.Ring.All(ctx)
	if err != nil {
		return nil, err
	}
	out := &keysOut{CacheControl: "no-store"}
	out.Body.Keys = make([]Key, len(all))
	for i, k := range all {
		out.Body.Keys[i] = newKey(k)
	}
	return out, nil
}

func (a *api) createKey(ctx context.Context, who auth.Principal, in *keyIn) (*keyOut, error) {
	now := time.Now()
	expires, err := auth.ExpiryOf(in.Body.Expires, now)
	if err != nil {
		return nil, err
	}
	wish := auth.Key{Owner: cmp.Or(in.Body.Owner, who.Owner), Scopes: in.Body.Scopes, Note: in.Body.Note, ExpiresAt: expires}
	text, made, err := a.Ring.Create(ctx, wish, now)
	if err != nil {
		return nil, err
	}
	return &keyOut{"no-store", NewKey{text, KeyFields(newKey(auth.Listed{Key: made}))}}, nil
}
