package auth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"time"

	"minilab/internal/kv"
)

// SessionTime is how long a session is good.
const SessionTime = 12 * time.Hour

const (
	sessionPrefix = "sessions/" // of the key-value store, by the SHA-256 of what the browser keeps
	maxToken      = 64          // bytes
)

// errSession is said of what is no session, or is one no more.
var errSession = ErrUnauthorized.Detailf("the session is over; sign in again")

// session is what a browser may do in the place of the key that opened it.
// What the browser keeps is not in it, only its digest is its name.
type session struct {
	Key       string    `json:"key"` // the ID
	ExpiresAt time.Time `json:"expiresAt"`
}

func parseSession(_ string, e kv.Entry) (s session, err error) {
	err = json.Unmarshal(e.Value, &s)
	return s, err
}

func sessionName(token string) string {
	sum := digestOf(token)
	return hex.EncodeToString(sum[:])
}

// Open opens a session for who has shown a key, and gives what the browser is
// to keep: it is good on every frontend, for SessionTime, and ends before that
// with Close and with the key. So the key itself stays nowhere.
func (k *Keys) Open(ctx context.Context, p Principal) (token string, err error) {
	if p.Key == "" {
		return "", ErrUnauthorized
	}
	value, err := json.Marshal(session{p.Key, k.now().Add(SessionTime).UTC()})
	if err != nil {
		return "", err
	}
	token = rand.Text()
	if _, _, err := k.store.Put(ctx, sessionPrefix+sessionName(token), value, kv.PutOptions{TTL: SessionTime}); err != nil {
		return "", errUnread.Because(err)
	}
	return token, nil
}

// Session says whose session it is; one that is over is ErrUnauthorized.
func (k *Keys) Session(ctx context.Context, token string) (Principal, error) {
	if token == "" || len(token) > maxToken {
		return Principal{}, errSession
	}
	s, ok, err := find(ctx, k, k.sessions, sessionName(token))
	if err != nil {
		return Principal{}, err
	}
	if !ok || !k.now().Before(s.ExpiresAt) {
		return Principal{}, errSession
	}
	key, ok, err := find(ctx, k, k.keys, s.Key)
	if err != nil {
		return Principal{}, err
	}
	if !ok || key.Owner == "" {
		return Principal{}, errSession
	}
	return k.admit(key)
}

// Close ends a session; one that is none is left alone.
func (k *Keys) Close(ctx context.Context, token string) error {
	if err := k.store.Delete(ctx, sessionPrefix+sessionName(token), 0); err != nil {
		return errUnread.Because(err)
	}
	return nil
}
