package mesh

import (
	"errors"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// checker checks the tokens of calls to one service.
type checker struct {
	member *Member
	parser *jwt.Parser
	known  believed
}

func (m *Member) checker(service string) *checker {
	return &checker{member: m, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{algorithm.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithAudience(service), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(m.now),
	)}
}

// check gives what the token of an Authorization header says, if it is good now.
// Its errors are ErrUnauthorized.
func (ch *checker) check(header string) (claims, error) {
	text, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return claims{}, ErrUnauthorized.Detailf("there is no token: start whoever calls with the --secret-file of this lab, or see `minilab token`")
	}
	k := ch.member.secret.keys.Load()
	if c, ok := ch.known.find(text, k, ch.member.now()); ok {
		return c, nil
	}
	if strings.ContainsAny(text, "\r\n") { // base64 passes over them, even where it is strict
		return claims{}, ErrUnauthorized.Detailf("this is no token")
	}
	var c claims
	if _, err := ch.parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return k.verify, nil }); err != nil {
		return claims{}, ErrUnauthorized.Detailf("%s", reason(err)).Because(err)
	}
	ch.known.add(text, k, c)
	return c, nil
}

func reason(err error) string {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return "this is no token"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return "the token is not signed with the secret of this lab: is whoever calls given the same --secret-file?"
	case errors.Is(err, jwt.ErrTokenExpired):
		return "the token has expired: if it is new, the clocks of the two machines do not agree"
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return "the token is for another service"
	}
	return "the token cannot be used"
}
