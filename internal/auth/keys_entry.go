package auth

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"minilab/internal/fault"
)

// Limits of what a key says, in bytes.
const (
	MaxOwner = 64
	MaxNote  = 200

	maxEntry = 4 << 10
)

// ErrInvalidKey says that something is none of a key; its detail says why.
var ErrInvalidKey = fault.New(fault.Invalid, "invalid-api-key", "the API key cannot be made like this")

// Key is what is kept of an API key. Its secret is not.
type Key struct {
	ID        string    `json:"-"`
	Owner     string    `json:"owner"`
	Scopes    []Scope   `json:"scopes"`
	Hash      Digest    `json:"hash"` // of the secret
	Note      string    `json:"note,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"` // zero: never
}

// Digest is a SHA-256; in JSON it is lower-case hex.
type Digest [sha256.Size]byte

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return errors.New("a hash is 64 hexadecimal digits")
	}
	_, err := hex.Decode(d[:], text)
	return err
}

func digestOf(secret string) Digest { return sha256.Sum256([]byte(secret)) }

// opens compares in constant time. No secret opens the zero key.
func (k Key) opens(secret string) bool {
	sum := digestOf(secret)
	return subtle.ConstantTimeCompare(sum[:], k.Hash[:]) == 1
}

// Expired says whether the key's time is over.
func (k Key) Expired(now time.Time) bool { return !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) }

func (k Key) principal() Principal {
	return Principal{Owner: k.Owner, Scopes: k.Scopes, Key: k.ID}
}

// CheckOwner is ErrInvalidKey unless the name may be an owner's.
func CheckOwner(name string) error {
	spelled := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-'
	}
	if name == "" || len(name) > MaxOwner || strings.ContainsFunc(name, func(r rune) bool { return !spelled(r) }) {
		return ErrInvalidKey.Detailf(`an owner is 1 to %d of a-z, 0-9, ".", "_" and "-"`, MaxOwner)
	}
	return nil
}

// check is ErrInvalidKey for the first thing that is wrong.
func (k Key) check() error {
	if err := CheckOwner(k.Owner); err != nil {
		return err
	}
	if err := checkScopes(k.Scopes); err != nil {
		return err
	}
	if len(k.Note) > MaxNote || !utf8.ValidString(k.Note) || strings.ContainsFunc(k.Note, unicode.IsControl) {
		return ErrInvalidKey.Detailf("a note has at most %d bytes of UTF-8 without control characters", MaxNote)
	}
	return nil
}

func checkScopes(list []Scope) error {
	for i, s := range list {
		if !slices.Contains(Scopes, s) {
			return ErrInvalidKey.Detailf("there is no scope %.40q; the scopes are submit, read and admin", s)
		}
		if slices.Contains(list[:i], s) {
			return ErrInvalidKey.Detailf("the scope %s is named twice", s)
		}
	}
	if len(list) == 0 {
		return ErrInvalidKey.Detailf("a key has at least one scope: submit, read or admin")
	}
	return nil
}

// parseEntry reads a key as it is kept.
func parseEntry(id string, value []byte) (Key, error) {
	k := Key{ID: id}
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	switch err := d.Decode(&k); {
	case !isID(id):
		return k, ErrInvalidKey.Detailf("the ID of a key is %d of a-z and 2-7", idSize)
	case len(value) > maxEntry || err != nil:
		return k, ErrInvalidKey.Detailf("this is not what is kept of a key").Because(err)
	case k.Hash == Digest{}:
		return k, ErrInvalidKey.Detailf("a key has a hash")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return k, ErrInvalidKey.Detailf("there is something behind the key")
	}
	return k, k.check()
}

// CheckEntry judges what is to be kept under KeyPrefix and an ID.
func CheckEntry(id string, value []byte) error {
	_, err := parseEntry(id, value)
	return err
}
