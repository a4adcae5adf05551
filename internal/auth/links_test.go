package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/auth"
	"minilab/internal/fault"
	"minilab/internal/kv"
)

const (
	resultPath = "/api/v1/tasks/abc/result/a%2Fb"
	tasksPath  = "/api/v1/tasks"
)

// linking makes links and the principal of a new key with all scopes.
func linking(t *testing.T, s kv.Store) (*auth.Links, auth.Principal) {
	t.Helper()
	_, made, err := auth.Ring{Store: s}.Create(t.Context(), auth.Key{Owner: "shop", Scopes: auth.Scopes}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return followLinks(t, s), auth.Principal{Owner: "shop", Scopes: auth.Scopes, Key: made.ID}
}

func followLinks(t *testing.T, s kv.Store) *auth.Links {
	t.Helper()
	l := auth.NewLinks(s, synced(t, follow(t, s)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Follow(ctx, quiet) }()
	t.Cleanup(func() { cancel(); <-done })
	return l
}

func inAnHour() time.Time { return time.Now().Add(time.Hour) }

func download() auth.Link {
	return auth.Link{Method: http.MethodGet, Path: resultPath, Query: url.Values{"download": {""}, "x": {"2", "1"}}, Expires: inAnHour()}
}

func upload() auth.Link {
	return auth.Link{Method: http.MethodPost, Path: tasksPath, Query: url.Values{"pipeline": {"swap/webp:80"}, "tag": {"a", "b&c"}}, Expires: inAnHour(), MaxBytes: 1000}
}

func sign(t *testing.T, l *auth.Links, p auth.Principal, link auth.Link) string {
	t.Helper()
	text, err := l.Sign(t.Context(), p, link)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ask shows a link.
func ask(l *auth.Links, method, target string, change ...func(*http.Request)) (auth.Principal, *http.Request, error) {
	r := httptest.NewRequest(method, target, strings.NewReader("image"))
	for _, f := range change {
		f(r)
	}
	p, err := l.Principal(r)
	return p, r, err
}

func TestADownloadLinkIsForOneDownload(t *testing.T) {
	s := open(t)
	l, maker := linking(t, s)
	signed := sign(t, l, maker, download())
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
		p, r, err := ask(l, method, signed)
		if err != nil || p.Owner != "shop" || p.Key != maker.Key || len(p.Scopes) != 1 || !p.Allows(auth.Read) {
			t.Fatalf("%+v, %v", p, err)
		}
		if q := r.URL.RawQuery; q != "download=&x=2&x=1" || r.Header.Get("Idempotency-Key") != "" {
			t.Errorf("the request has the query %s", q)
		}
	}
	if !l.Signed(httptest.NewRequest(http.MethodGet, signed, nil)) || l.Signed(httptest.NewRequest(http.MethodGet, resultPath+"?x=link", nil)) {
		t.Error("what is a link is not told")
	}
}

func TestALinkIsForNothingElse(t *testing.T) {
	s := open(t)
	l, maker := linking(t, s)
	signed := sign(t, l, maker, download())
	token := signed[strings.Index(signed, "link=")+len("link="):]
	token, _, _ = strings.Cut(token, "&")
	parts := strings.Split(token, ".")
	other := sign(t, l, maker, auth.Link{Method: http.MethodGet, Path: "/api/v1/tasks/other/result", Expires: inAnHour()})
	changed := func(f func(parts []string)) string {
		own := append([]string(nil), parts...)
		f(own)
		return strings.Replace(signed, token, strings.Join(own, "."), 1)
	}
	for what, target := range map[string]string{
		"another path":        strings.Replace(signed, "abc", "abd", 1),
		"another spelling":    strings.Replace(signed, "a%2Fb", "a%2fb", 1),
		"the path unescaped":  strings.Replace(signed, "a%2Fb", "a/b", 1),
		"a parameter more":    signed + "&y=1",
		"a value more":        signed + "&x=3",
		"a parameter less":    strings.Replace(signed, "download=&", "", 1),
		"values turned":       strings.Replace(signed, "x=2&x=1", "x=1&x=2", 1),
		"two links":           signed + "&link=" + token,
		"another's signature": "/api/v1/tasks/other/original" + other[strings.Index(other, "?"):],
		"no signature":        changed(func(p []string) { p[2] = "" }),
		"half a signature":    changed(func(p []string) { p[2] = p[2][:20] }),
		"a longer signature":  signed + "A",
		"claims changed":      changed(func(p []string) { p[1] = strings.Replace(p[1], p[1][:1], "f", 1) }),
		"claims of none":      changed(func(p []string) { p[1] = "" }),
		"an unknown key":      changed(func(p []string) { p[0] = "aaaaaaaaaa" }),
		"a path for a key":    changed(func(p []string) { p[0] = "../keys/x" }),
		"nothing":             resultPath + "?link=",
		"junk":                resultPath + "?link=%00%ff..",
		"a query that is bad": signed + "&a;b",
	} {
		p, _, err := ask(l, http.MethodGet, target)
		if !errors.Is(err, auth.ErrUnauthorized) || p.Owner != "" || fault.From(err).Detail != "the link is not valid" {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodPut, "get"} {
		if p, _, err := ask(l, method, signed); !errors.Is(err, auth.ErrUnauthorized) || p.Owner != "" {
			t.Errorf("%s: %+v, %v", method, p, err)
		}
	}
}

func TestALinkExpires(t *testing.T) {
	l, maker := linking(t, open(t))
	signed := sign(t, l, maker, download())
	l.SetClock(func() time.Time { return time.Now().Add(time.Hour - time.Minute) })
	if _, _, err := ask(l, http.MethodGet, signed); err != nil {
		t.Error(err)
	}
	l.SetClock(func() time.Time { return time.Now().Add(time.Hour) })
	if _, _, err := ask(l, http.MethodGet, signed); !errors.Is(err, auth.ErrLinkExpired) {
		t.Error(err)
	}
	if _, _, err := ask(l, http.MethodGet, signed+"&x=3"); !errors.Is(err, auth.ErrUnauthorized) {
		t.Errorf("of what was not signed it is told that it has expired: %v", err)
	}
}

func TestALinkDoesNotOutliveItsMaker(t *testing.T) {
	s := open(t)
	l, maker := linking(t, s)
	signed := sign(t, l, maker, download())
	if err := (auth.Ring{Store: s}).Revoke(t.Context(), maker.Key); err != nil {
		t.Fatal(err)
	}
	await(t, "the key is gone", func() bool {
		_, _, err := ask(l, http.MethodGet, signed)
		return errors.Is(err, auth.ErrUnauthorized)
	})
}

func TestALinkOfAKeyThatExpires(t *testing.T) {
	s := open(t)
	_, made := create(t, s, time.Now().Add(time.Second))
	l := followLinks(t, s)
	signed := sign(t, l, auth.Principal{Owner: "shop", Scopes: []auth.Scope{auth.Read}, Key: made.ID}, download())
	await(t, "the key has expired", func() bool {
		_, _, err := ask(l, http.MethodGet, signed)
		return errors.Is(err, auth.ErrUnauthorized)
	})
}

func TestALinkDoesNoMoreThanItsMaker(t *testing.T) {
	s := open(t)
	l, maker := linking(t, s)
	for _, test := range []struct {
		scopes []auth.Scope
		link   auth.Link
		want   error
	}{
		{[]auth.Scope{auth.Read}, upload(), auth.ErrForbidden},
		{[]auth.Scope{auth.Submit, auth.Admin}, download(), auth.ErrForbidden},
		{[]auth.Scope{auth.Read}, download(), nil},
		{[]auth.Scope{auth.Submit}, upload(), nil},
	} {
		if _, err := l.Sign(t.Context(), auth.Principal{Owner: "shop", Scopes: test.scopes, Key: maker.Key}, test.link); !errors.Is(err, test.want) {
			t.Errorf("%v signs %s: %v", test.scopes, test.link.Method, err)
		}
	}
	if _, err := l.Sign(t.Context(), auth.Principal{}, download()); !errors.Is(err, auth.ErrUnauthorized) {
		t.Errorf("nobody signs: %v", err)
	}
	_, reads := create(t, s, time.Time{}) // what it says of itself is not asked
	signed := sign(t, l, auth.Principal{Owner: "shop", Scopes: auth.Scopes, Key: reads.ID}, upload())
	if _, _, err := ask(l, http.MethodPost, signed); !errors.Is(err, auth.ErrUnauthorized) {
		t.Errorf("a key that may not submit: %v", err)
	}
	stolen := sign(t, l, auth.Principal{Owner: "bakery", Scopes: auth.Scopes, Key: maker.Key}, download())
	if _, _, err := ask(l, http.MethodGet, stolen); !errors.Is(err, auth.ErrUnauthorized) {
		t.Errorf("a key of another owner: %v", err)
	}
}

func TestLinksOfALabWithoutKeysEndWithTheFirstKey(t *testing.T) {
	s := open(t)
	l := followLinks(t, s)
	signed := sign(t, l, auth.Public(), download())
	p, _, err := ask(l, http.MethodGet, signed)
	if err != nil || p.Owner != auth.Public().Owner || len(p.Scopes) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if len(auth.Scopes) != 3 {
		t.Fatal("the scopes of all have changed")
	}
	create(t, s, time.Time{})
	await(t, "keys are needed", func() bool {
		_, _, err := ask(l, http.MethodGet, signed)
		return errors.Is(err, auth.ErrUnauthorized)
	})
}

func TestHowLongLinksAreGood(t *testing.T) {
	l, maker := linking(t, open(t))
	now := time.Now()
	l.SetClock(func() time.Time { return now })
	for life, good := range map[time.Duration]bool{
		-time.Hour: false, 0: false, auth.MinLink - 1: false, auth.MinLink: true, auth.MaxLink: true, auth.MaxLink + 1: false,
	} {
		link := download()
		link.Expires = now.Add(life)
		if _, err := l.Sign(t.Context(), maker, link); (err == nil) != good || err != nil && !errors.Is(err, auth.ErrLink) {
			t.Errorf("%v: %v", life, err)
		}
	}
}

func TestAnUploadLinkIsForOneImage(t *testing.T) {
	s := open(t)
	l, maker := linking(t, s)
	signed := sign(t, l, maker, upload())
	keys := map[string]bool{}
	for range 2 { // a repetition is the task database's to judge
		p, r, err := ask(l, http.MethodPost, signed, func(r *http.Request) { r.Header.Set("Idempotency-Key", "mine") })
		if err != nil || len(p.Scopes) != 1 || !p.Allows(auth.Submit) || r.URL.RawQuery != upload().Query.Encode() {
			t.Fatalf("%+v, %v, %s", p, err, r.URL.RawQuery)
		}
		keys[p.Link] = r.Header.Get("Idempotency-Key") == ""
	}
	other, _, err := ask(l, http.MethodPost, sign(t, l, maker, upload()))
	if err != nil {
		t.Fatal(err)
	}
	again := other.Link
	if len(keys) != 1 || keys["mine"] || keys[""] || keys[again] || again == "" {
		t.Errorf("idempotency keys %v, and of another link %s", keys, again)
	}
	link := upload()
	link.Expires = time.Now().Add(auth.MaxLink)
	signed = sign(t, l, maker, link)
	for after, want := range map[time.Duration]error{22 * time.Hour: nil, 24 * time.Hour: auth.ErrLinkUsed, 29 * 24 * time.Hour: auth.ErrLinkUsed} {
		l.SetClock(time.Now)
		if _, _, err := ask(l, http.MethodPost, signed); err != nil {
			t.Fatal(err)
		}
		l.SetClock(func() time.Time { return time.Now().Add(after) })
		if _, _, err := ask(l, http.MethodPost, signed); !errors.Is(err, want) {
			t.Errorf("after %v: %v", after, err)
		}
	}
}

func TestWhatAnUploadLinkTakes(t *testing.T) {
	l, maker := linking(t, open(t))
	signed := sign(t, l, maker, upload())
	for media, good := range map[string]bool{
		"": true, "image/jpeg": true, "application/octet-stream": true, "application/x-www-form-urlencoded": true,
		"application/json": false, "Application/JSON; charset=utf-8": false, "application/problem+json": false, "text/json": false,
		"multipart/form-data; boundary=x": false, "multipart/mixed": false, "application/json;;": false, "image/jpeg; a=b; a=c": false,
	} {
		_, _, err := ask(l, http.MethodPost, signed, func(r *http.Request) {
			if media != "" {
				r.Header.Set("Content-Type", media)
			}
		})
		if (err == nil) != good || err != nil && !errors.Is(err, auth.ErrLinkBody) {
			t.Errorf("%q: %v", media, err)
		}
	}
	_, _, err := ask(l, http.MethodPost, signed, func(r *http.Request) { r.Header["Content-Type"] = []string{"image/jpeg", "application/json"} })
	if !errors.Is(err, auth.ErrLinkBody) {
		t.Errorf("two types: %v", err)
	}
	body := func(n int, announced bool) (refused, cut error) {
		_, r, err := ask(l, http.MethodPost, signed, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", n))), -1
			if announced {
				r.ContentLength = int64(n)
			}
		})
		if err == nil {
			_, cut = io.Copy(io.Discard, r.Body)
		}
		return err, cut
	}
	for _, announced := range []bool{true, false} {
		if refused, cut := body(1000, announced); refused != nil || cut != nil {
			t.Errorf("1000 bytes: %v, %v", refused, cut)
		}
	}
	if refused, _ := body(1001, true); !errors.Is(refused, fault.ErrTooLarge) {
		t.Errorf("1001 bytes: %v", refused)
	}
	refused, cut := body(1001, false)
	if _, ok := errors.AsType[*http.MaxBytesError](cut); refused != nil || !ok {
		t.Errorf("1001 bytes that were not announced: %v, %v", refused, cut)
	}
}

func TestProcessesAgreeOnTheKeyThatSigns(t *testing.T) {
	s := open(t)
	one, maker := linking(t, s)
	all := []*auth.Links{one, followLinks(t, s), followLinks(t, s), followLinks(t, s)}
	signed := make([]string, len(all))
	var done sync.WaitGroup
	for i, l := range all {
		done.Go(func() {
			text, err := l.Sign(t.Context(), maker, download())
			if err != nil {
				t.Error(err)
			}
			signed[i] = text
		})
	}
	done.Wait()
	for _, l := range all {
		for _, text := range signed {
			if _, _, err := ask(l, http.MethodGet, text); err != nil {
				t.Error(err)
			}
		}
	}
	if n := len(signers(t, s)); n != 1 {
		t.Errorf("%d signing keys", n)
	}
}

// signers is what the store keeps, with what may be read of it.
func signers(t *testing.T, s kv.Store) (list []struct{ ID string }) {
	t.Helper()
	e, err := s.Get(t.Context(), "signing/links")
	if err == nil {
		err = json.Unmarshal(e.Value, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSigningKeysRotate(t *testing.T) {
	s := open(t)
	l, maker := linking(t, s)
	ring := auth.Ring{Store: s}
	day, at := 24*time.Hour, time.Now()
	l.SetClock(func() time.Time { return at })
	month := func() string {
		link := download()
		link.Expires = at.Add(auth.MaxLink)
		return sign(t, l, maker, link)
	}
	first := month()
	at = at.Add(29 * day)
	second := month()
	if n := len(signers(t, s)); n != 1 {
		t.Fatalf("%d signing keys after 29 days", n)
	}
	at = at.Add(day)
	third := month()
	if n := len(signers(t, s)); n != 2 {
		t.Fatalf("%d signing keys after 30 days", n)
	}
	for text, want := range map[string]error{first: auth.ErrLinkExpired, second: nil, third: nil} {
		if _, _, err := ask(l, http.MethodGet, text); !errors.Is(err, want) {
			t.Errorf("after 30 days: %v, want %v", err, want)
		}
	}
	at = at.Add(10 * day)
	if err := ring.RotateSigning(t.Context(), at, false); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{second, third} {
		if _, _, err := ask(l, http.MethodGet, text); err != nil {
			t.Errorf("after a rotation: %v", err)
		}
	}
	at = at.Add(31 * day)
	if month(); len(signers(t, s)) != 2 {
		t.Errorf("%d signing keys after 71 days", len(signers(t, s)))
	}
	last := month()
	if err := ring.RotateSigning(t.Context(), at, true); err != nil {
		t.Fatal(err)
	}
	await(t, "the links are forgotten", func() bool {
		_, _, err := ask(l, http.MethodGet, last)
		return errors.Is(err, auth.ErrUnauthorized)
	})
	if _, _, err := ask(l, http.MethodGet, month()); err != nil {
		t.Error(err)
	}
}

func TestLinksWhileTheStoreIsAway(t *testing.T) {
	s := open(t)
	l, maker := linking(t, s)
	get, post := sign(t, l, maker, download()), sign(t, l, maker, upload())
	await(t, "the view has the key", func() bool {
		before := s.gets.Load()
		_, _, err := ask(l, http.MethodGet, get)
		return err == nil && s.gets.Load() == before
	})
	s.away.Store(true)
	if _, _, err := ask(l, http.MethodGet, get); err != nil {
		t.Errorf("what is known: %v", err)
	}
	if _, _, err := ask(l, http.MethodPost, post); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("an upload, of which nobody knows whether it is the first: %v", err)
	}
	if _, err := l.Sign(t.Context(), maker, download()); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("signing: %v", err)
	}
	new := auth.NewLinks(s, auth.NewKeys(s))
	if _, _, err := ask(new, http.MethodGet, get); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("what is not known yet: %v", err)
	}
}

func TestUnknownSigningKeysAreLookedUpSeldom(t *testing.T) {
	s := open(t)
	l, maker := linking(t, s)
	signed := sign(t, l, maker, download())
	await(t, "the view has the key", func() bool {
		before := s.gets.Load()
		_, _, err := ask(l, http.MethodGet, signed)
		return err == nil && s.gets.Load() == before
	})
	now := time.Now()
	l.SetClock(func() time.Time { return now })
	before := s.gets.Load()
	for range 500 {
		if _, _, err := ask(l, http.MethodGet, resultPath+"?link=bbbbbbbbbb.e30.AAAA"); !errors.Is(err, auth.ErrUnauthorized) {
			t.Fatal(err)
		}
	}
	if n := s.gets.Load() - before; n > 30 {
		t.Errorf("%d look-ups", n)
	}
}

func TestSigningKeysThatNobodyCanReadAreLeftAlone(t *testing.T) {
	s := open(t)
	l, maker := linking(t, s)
	for _, value := range []string{"", "{", `[{"id":"aaaaaaaaaa","secret":"AAAA"}]`, `[{"id":"x","secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]`} {
		if _, _, err := s.Put(t.Context(), "signing/links", []byte(value), kv.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Sign(t.Context(), maker, download()); !errors.Is(err, fault.ErrUnavailable) {
			t.Errorf("%q: %v", value, err)
		}
		if e, err := s.Get(t.Context(), "signing/links"); err != nil || string(e.Value) != value {
			t.Errorf("%q was overwritten by %q, %v", value, e.Value, err)
		}
	}
}
