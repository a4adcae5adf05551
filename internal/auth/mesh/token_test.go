package mesh

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"minilab/internal/fault"
)

func TestTokens(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretA)
	kv := member(t, path, "kv", c).Guard("kv")
	caller := member(t, path, "frontend", c)
	k, err := readKeys(path)
	ok(t, err)
	good := jwt.MapClaims{"iss": "frontend", "aud": "kv", "exp": c.now().Add(time.Minute).Unix(), "role": "service"}
	with := func(name string, v any) jwt.MapClaims {
		changed := maps.Clone(good)
		changed[name] = v
		if v == nil {
			delete(changed, name)
		}
		return changed
	}
	made := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		ok(t, err)
		return "Bearer " + text
	}
	own, err := caller.token("kv")
	ok(t, err)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, err)
	hs := jwt.SigningMethodHS256
	bearer := made(hs, k.sign, good)
	for name, tc := range map[string]struct {
		header string
		want   error
	}{
		"its own":           {"Bearer " + own, nil},
		"by hand":           {bearer, nil},
		"several audiences": {made(hs, k.sign, with("aud", []string{"storage", "kv"})), nil},
		"clock behind":      {made(hs, k.sign, with("exp", c.now().Add(-9*time.Second).Unix())), nil},
		"clock ahead":       {made(hs, k.sign, with("iat", c.now().Add(time.Hour).Unix())), nil},
		"late":              {made(hs, k.sign, with("exp", c.now().Add(-11*time.Second).Unix())), ErrUnauthorized},
		"no end":            {made(hs, k.sign, with("exp", nil)), ErrUnauthorized},
		"end is a text":     {made(hs, k.sign, with("exp", "never")), ErrUnauthorized},
		"not yet":           {made(hs, k.sign, with("nbf", c.now().Add(time.Hour).Unix())), ErrUnauthorized},
		"other audience":    {made(hs, k.sign, with("aud", "storage")), ErrUnauthorized},
		"no audience":       {made(hs, k.sign, with("aud", nil)), ErrUnauthorized},
		"no role":           {made(hs, k.sign, with("role", nil)), ErrRole},
		"unknown role":      {made(hs, k.sign, with("role", "king")), ErrRole},
		"the secret itself": {made(hs, []byte(secretA), good), ErrUnauthorized},
		"another secret":    {made(hs, []byte(strings.Repeat("x", 32)), good), ErrUnauthorized},
		"no key":            {made(hs, []byte{}, good), ErrUnauthorized},
		"none":              {made(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), ErrUnauthorized},
		"HS512":             {made(jwt.SigningMethodHS512, k.sign, good), ErrUnauthorized},
		"RS256":             {made(jwt.SigningMethodRS256, private, good), ErrUnauthorized},
		"no signature":      {bearer[:strings.LastIndex(bearer, ".")+1], ErrUnauthorized},
		"nothing":           {"", ErrUnauthorized},
		"basic":             {"Basic " + bearer, ErrUnauthorized},
		"without bearer":    {strings.TrimPrefix(bearer, "Bearer "), ErrUnauthorized},
		"empty":             {"Bearer ", ErrUnauthorized},
		"dots":              {"Bearer " + strings.Repeat(".", 1<<14), ErrUnauthorized},
		"line's end":        {bearer + "\n", ErrUnauthorized},
		"line within":       {bearer[:len(bearer)-5] + "\r" + bearer[len(bearer)-5:], ErrUnauthorized},
		"two":               {bearer + ", " + bearer, ErrUnauthorized},
	} {
		h, err := call(kv, "POST", "/kv/a", tc.header)
		if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if got := h.Get("WWW-Authenticate"); (got == challenge) != errors.Is(err, ErrUnauthorized) {
			t.Errorf("%s: WWW-Authenticate is %q", name, got)
		}
		if err != nil && strings.Contains(fault.From(err).Detail, secretA) {
			t.Errorf("%s tells the secret: %v", name, err)
		}
	}
}

// TestEveryByteCounts: a token that is cut, or of which one letter is another,
// is none.
func TestEveryByteCounts(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretA)
	m := member(t, path, "kv", c)
	guard := m.Guard("kv")
	text, err := m.token("kv")
	ok(t, err)
	for i := range text {
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A"
		next := strings.IndexByte(letters, text[i]) + 1 // after the last one of a part only bits that are not used change
		other := letters[next : next+1]
		for _, forged := range []string{text[:i], text[:i] + other + text[i+1:], text[:i] + "=" + text[i:]} {
			if _, err := call(guard, "GET", "/kv/a", "Bearer "+forged); !errors.Is(err, ErrUnauthorized) {
				t.Errorf("%s is taken for %s: %v", forged, text, err)
			}
		}
	}
}

// TestSeenTokens: one that was good before is refused once it has expired, once
// the secret is another one, and by another service.
func TestSeenTokens(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretA)
	m := member(t, path, "kv", c)
	guard := m.Guard("kv")
	good := func(want bool, why string) {
		t.Helper()
		text, err := member(t, secretFile(t, secretA), "master", newClock()).token("kv")
		ok(t, err)
		for range 2 {
			if _, err := call(guard, "GET", "/kv/a", "Bearer "+text); (err == nil) != want {
				t.Errorf("%s: %v", why, err)
			}
		}
	}
	good(true, "at first")
	c.pass(lifetime + leeway - 1)
	good(true, "at its end")
	c.pass(1)
	good(false, "after its end")
	c.pass(-time.Minute)
	good(true, "before it")
	rewrite(t, path, secretB)
	m.secret.look()
	m.secret.look()
	good(false, "with another secret")
}

// TestSeenTokensAreBounded, whoever sends them.
func TestSeenTokensAreBounded(t *testing.T) {
	m := member(t, secretFile(t, secretA), "kv", newClock())
	tokens := m.checker("kv")
	for i := range 2*maxBelieved + 10 {
		text, err := m.signed(m.secret.keys.Load(), Operator, time.Duration(i+1)*time.Second, "kv")
		ok(t, err)
		_, err = tokens.check("Bearer " + text)
		ok(t, err)
		_, _ = tokens.check("Bearer " + text + "x")
	}
	if n := len(tokens.known.list); n > maxBelieved || n < 1 {
		t.Errorf("%d tokens are kept", n)
	}
}

// TestRenewal: a token is used again for half its life, and no longer; it is
// believed for all of it and the leeway, on either side.
func TestRenewal(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretA)
	m := member(t, path, "master", c)
	first, err := m.token("kv")
	ok(t, err)
	if other, err := m.token("storage"); err != nil || other == first {
		t.Errorf("two services are called with the same token, %v", err)
	}
	c.pass(halfLife - time.Second)
	if again, err := m.token("kv"); err != nil || again != first {
		t.Errorf("after %v there is another token, %v", halfLife-time.Second, err)
	}
	c.pass(time.Second)
	if again, err := m.token("kv"); err != nil || again == first {
		t.Errorf("after %v it is the same token, %v", halfLife, err)
	}
	for ahead, want := range map[time.Duration]error{lifetime + leeway - time.Second: nil, lifetime + leeway: ErrUnauthorized, -time.Hour: nil} {
		there := newClock()
		there.pass(ahead)
		_, err := call(member(t, path, "kv", there).Guard("kv"), "GET", "/kv/a", "Bearer "+first)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("where the clock is %v ahead: %v, want %v", ahead, err, want)
		}
	}
}

func TestHandedOut(t *testing.T) {
	c := newClock()
	path := secretFile(t, secretA)
	m := member(t, path, "command", c)
	text, err := m.Token(Operator, 720*time.Hour)
	ok(t, err)
	guard := m.Guard("taskdb")
	c.pass(719 * time.Hour)
	if _, err := call(guard, "DELETE", "/tasks/a", "Bearer "+text); err != nil {
		t.Error(err)
	}
	c.pass(2 * time.Hour)
	if _, err := call(guard, "DELETE", "/tasks/a", "Bearer "+text); !errors.Is(err, ErrUnauthorized) {
		t.Error(err)
	}
	for _, ttl := range []time.Duration{0, -time.Second, MaxTTL + 1} {
		if _, err := m.Token(Worker, ttl); err == nil {
			t.Errorf("a token for %v is made", ttl)
		}
	}
	if _, err := member(t, "", "command", c).Token(Worker, time.Hour); err == nil || !strings.Contains(err.Error(), "--secret-file") {
		t.Errorf("without a secret: %v", err)
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
