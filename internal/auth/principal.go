// Package auth says who calls the public API, and what they may do: API keys,
// signed URLs, and the principal that a request has once it is known.
package auth

import (
	"context"
	"slices"

	"minilab/internal/fault"
)

// Scope is a part of what the public API does.
type Scope string

// The scopes. None of them holds another one.
const (
	Submit Scope = "submit" // hand images in, cancel, retry and delete tasks
	Read   Scope = "read"   // ask for tasks, events and results
	Admin  Scope = "admin"  // keys, webhooks, presets, workers
)

// Scopes are all of them.
var Scopes = []Scope{Submit, Read, Admin}

// Faults of whoever is not let in.
var (
	ErrUnauthorized = fault.New(fault.Unauthorized, "unauthorized", "this needs an API key")
	ErrForbidden    = fault.New(fault.Forbidden, "forbidden", "the API key does not have the scope for this")
)

// Principal is who calls.
type Principal struct {
	Owner  string  // whose tasks these are; empty: nobody is known
	Scopes []Scope // what they may do
	Key    string  // the ID of the API key; empty: there was none
	Link   string  // which link hands an image in; empty: none
}

// Public is who calls a lab that has no API keys.
func Public() Principal { return Principal{Owner: "public", Scopes: Scopes} }

// Allows says whether the principal has the scope.
func (p Principal) Allows(s Scope) bool { return slices.Contains(p.Scopes, s) }

// Check is ErrUnauthorized for nobody, and ErrForbidden for who lacks the scope.
func (p Principal) Check(s Scope) error {
	switch {
	case p.Owner == "":
		return ErrUnauthorized
	case !p.Allows(s):
		return ErrForbidden.Detailf("this needs a key with the scope %s", s)
	}
	return nil
}

type principalKey struct{}

// With gives a context the principal that it acts for.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From is the principal of a context; the zero one when nobody is known.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
