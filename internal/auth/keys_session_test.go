package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"minilab/internal/auth"
	"minilab/internal/fault"
)

func TestASessionIsGoodEverywhereUntilItsEnd(t *testing.T) {
	s := open(t)
	text, made := create(t, s, time.Time{})
	one, two := synced(t, follow(t, s)), synced(t, follow(t, s))
	p, err := one.Check(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := one.Open(t.Context(), p)
	if err != nil || len(token) < 26 {
		t.Fatal(token, err)
	}
	other, err := two.Open(t.Context(), p)
	if err != nil || other == token {
		t.Fatal(other, err)
	}
	for _, k := range []*auth.Keys{one, two} { // two has just been told, or asks
		p, err := k.Session(t.Context(), token)
		if err != nil || p.Owner != "shop" || p.Key != made.ID || !p.Allows(auth.Read) || p.Allows(auth.Admin) {
			t.Errorf("%+v, %v", p, err)
		}
	}
	page, err := s.List(t.Context(), "sessions/", "", 0)
	if err != nil || len(page.Entries) != 2 {
		t.Fatal(page, err)
	}
	for _, e := range page.Entries {
		if all := e.Key + string(e.Value); strings.Contains(all, token) || strings.Contains(all, other) || e.TTL != auth.SessionTime {
			t.Errorf("kept is %s = %s for %v", e.Key, e.Value, e.TTL)
		}
	}
	if err := two.Close(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of a session", func() bool { return isNobody(one.Session(t.Context(), token)) })
	if _, err := one.Session(t.Context(), other); err != nil {
		t.Errorf("the other one: %v", err)
	}
	if err := (auth.Ring{Store: s}).Revoke(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*auth.Keys{one, two} {
		await(t, "the end of a key's sessions", func() bool { return isNobody(k.Session(t.Context(), other)) })
	}
}

func TestWhatIsNoSession(t *testing.T) {
	s := open(t)
	text, _ := create(t, s, time.Time{})
	k := synced(t, follow(t, s))
	for _, token := range []string{"", "x", text, strings.Repeat("x", 1000), "../keys/x"} {
		if p, err := k.Session(t.Context(), token); !isNobody(p, err) {
			t.Errorf("%.50q: %+v, %v", token, p, err)
		}
		if err := k.Close(t.Context(), token); err != nil {
			t.Errorf("%.50q: %v", token, err)
		}
	}
	if _, err := k.Check(t.Context(), text); err != nil {
		t.Errorf("closing what is no session has ended a key: %v", err)
	}
}

func TestOnlyAKeyOpensASession(t *testing.T) {
	s := open(t)
	k := synced(t, follow(t, s))
	if _, err := k.Open(t.Context(), auth.Public()); !errors.Is(err, auth.ErrUnauthorized) {
		t.Errorf("nobody's: %v", err)
	}
	s.away.Store(true)
	if _, err := k.Open(t.Context(), auth.Principal{Owner: "a", Key: "aaaaaaaaaa"}); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("while the store is away: %v", err)
	}
}
