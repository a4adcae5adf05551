package mesh

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"minilab/internal/fault"
)

// How long the token of a service is good for, when it is renewed, and how far
// the clocks of two machines may be apart beyond that.
const (
	lifetime = time.Minute
	halfLife = lifetime / 2
	leeway   = 10 * time.Second
)

// MaxTTL is the longest that any token may be good for.
const MaxTTL = 366 * 24 * time.Hour

// algorithm is the only one there is, whatever a token says.
var algorithm = jwt.SigningMethodHS256

// Faults of who calls a service.
var (
	ErrUnauthorized = fault.New(fault.Unauthorized, "unauthorized-service", "this service is for the services of its lab, and needs a token of theirs")
	ErrRole         = fault.New(fault.Forbidden, "forbidden-service", "the token is not for this call")
)

// claims are what a token says.
type claims struct {
	jwt.RegisteredClaims
	Role Role `json:"role"`
}

// token is one that was made for calls to a service.
type token struct {
	text  string
	from  *keys
	fresh time.Time // until then
}

// token is one for calls to the service: the last one for as long as it is fresh.
func (m *Member) token(service string) (string, error) {
	k, now := m.secret.keys.Load(), m.now()
	m.mu.RLock()
	t := m.tokens[service]
	m.mu.RUnlock()
	if t.from == k && now.Before(t.fresh) {
		return t.text, nil
	}
	text, err := m.signed(k, Service, lifetime, service)
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	m.tokens[service] = token{text, k, now.Add(halfLife)}
	m.mu.Unlock()
	return text, nil
}

func (m *Member) signed(k *keys, role Role, ttl time.Duration, audience ...string) (string, error) {
	now := m.now()
	c := claims{Role: role, RegisteredClaims: jwt.RegisteredClaims{
		Issuer: m.name, Audience: audience, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
	}}
	return jwt.NewWithClaims(algorithm, c).SignedString(k.sign)
}

// Token makes one to hand out, which is good for as long as ttl and for what
// the role may do.
func (m *Member) Token(role Role, ttl time.Duration) (string, error) {
	switch {
	case !m.Secured():
		return "", errors.New("a token is signed with the lab's secret: say with --secret-file where it is")
	case ttl <= 0 || ttl > MaxTTL:
		return "", fmt.Errorf("a token is good for up to %v, got %v", MaxTTL, ttl)
	}
	return m.signed(m.secret.keys.Load(), role, ttl, role.audience()...)
}
