package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// A link's token has three parts, with dots between them: the ID of the key
// that signed it, the claims (JSON), and the signature, HMAC-SHA256 over what
// is asked for and the two parts before it. The claims are read only once the
// signature is right.
type claims struct {
	Owner   string `json:"o"`
	Key     string `json:"k,omitempty"` // the maker's API key, by its ID
	Expires int64  `json:"e"`           // seconds since 1970
	Nonce   string `json:"n,omitempty"` // of what hands an image in
	Max     int64  `json:"m,omitempty"` // bytes of the image
}

// tokenText is what a signature begins with, so that it is good for nothing else.
const tokenText = "minilab link 1"

var tokenCode = base64.RawURLEncoding.Strict()

func newNonce() string { return strings.ToLower(rand.Text()) }

// sign makes the token for a request with that method, path and query.
func (s signer) sign(method, path string, query url.Values, c claims) string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // it has nothing that JSON has not
	}
	body := tokenCode.EncodeToString(text)
	return s.ID + "." + body + "." + tokenCode.EncodeToString(s.sum(method, path, query, body))
}

// sum puts each part on a line of its own: escaped, none has a line's end.
func (s signer) sum(method, path string, query url.Values, body string) []byte {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	h := hmac.New(sha256.New, s.Secret)
	h.Write([]byte(strings.Join([]string{tokenText, method, path, query.Encode(), s.ID, body}, "\n")))
	return h.Sum(nil)
}

// cutToken gives the signing key's ID and what comes behind it.
func cutToken(text string) (id, rest string, ok bool) { return strings.Cut(text, ".") }

// open reads the claims behind a token's ID. It compares in constant time.
func (s signer) open(method, path string, query url.Values, rest string) (c claims, ok bool) {
	body, sum, _ := strings.Cut(rest, ".")
	shown, err := tokenCode.DecodeString(sum)
	if err != nil || !hmac.Equal(shown, s.sum(method, path, query, body)) {
		return claims{}, false
	}
	text, err := tokenCode.DecodeString(body)
	if err != nil || json.Unmarshal(text, &c) != nil {
		return claims{}, false
	}
	return c, true
}
