package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Key is an API key, without its secret.
type Key struct {
	ID        string    `json:"id"`
	Owner     string    `json:"owner"`
	Scopes    []string  `json:"scopes"`
	Note      string    `json:"note,omitempty"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	LastUsed  time.Time `json:"lastUsedAt,omitzero"`
}

// NewKey is a key that is to be made.
type NewKey struct {
	Owner   string        // empty: the caller's
	Scopes  []string      // submit, read, admin
	Expires time.Duration // from now on; 0: never
	Note    string
}

// Keys lists the keys. It needs the scope admin, as all calls about keys do.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var out struct{ Keys []Key }
	err := c.json(ctx, call{method: http.MethodGet, path: []string{"keys"}}, &out)
	return out.Keys, err
}

// CreateKey makes a key. Its secret is told this once.
func (c *Client) CreateKey(ctx context.Context, n NewKey) (k Key, secret string, err error) {
	d := map[string]any{"scopes": n.Scopes}
	if n.Owner != "" {
		d["owner"] = n.Owner
	}
	if n.Expires != 0 { // one that is over is the lab's to refuse: without it the key would be good for ever
		d["expires"] = n.Expires.String()
	}
	if n.Note != "" {
		d["note"] = n.Note
	}
	b, err := jsonBody(d)
	if err != nil {
		return k, "", err
	}
	var out struct {
		Key
		Secret string `json:"key"`
	}
	err = c.json(ctx, call{method: http.MethodPost, path: []string{"keys"}, body: b, once: true}, &out)
	return out.Key, out.Secret, err
}

// DeleteKey revokes a key.
func (c *Client) DeleteKey(ctx context.Context, id string) error {
	if id == "" {
		return errors.New("a key's ID is empty")
	}
	return c.json(ctx, call{method: http.MethodDelete, path: []string{"keys", id}, once: true}, nil)
}
