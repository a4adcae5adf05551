package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/auth"
	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/kv/sqlitekv"
)

var quiet = slog.New(slog.DiscardHandler)

// store is a real one whose Gets are counted, and which can be away.
type store struct {
	kv.Store
	gets atomic.Int64
	away atomic.Bool
}

func (s *store) Get(ctx context.Context, key string) (kv.Entry, error) {
	s.gets.Add(1)
	if s.away.Load() {
		return kv.Entry{}, fault.ErrUnavailable
	}
	return s.Store.Get(ctx, key)
}

func (s *store) List(ctx context.Context, prefix, cursor string, limit int) (kv.Page, error) {
	if s.away.Load() {
		return kv.Page{}, fault.ErrUnavailable
	}
	return s.Store.List(ctx, prefix, cursor, limit)
}

func (s *store) Put(ctx context.Context, key string, value []byte, o kv.PutOptions) (kv.Entry, bool, error) {
	if s.away.Load() {
		return kv.Entry{}, false, fault.ErrUnavailable
	}
	return s.Store.Put(ctx, key, value, o)
}

func open(t testing.TB) *store {
	t.Helper()
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db"), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &store{Store: s}
}

// follow has keys that follow a store until the test ends.
func follow(t testing.TB, s kv.Store) *auth.Keys {
	t.Helper()
	k := auth.NewKeys(s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.Follow(ctx, quiet) }()
	t.Cleanup(func() { cancel(); <-done })
	return k
}

func synced(t testing.TB, k *auth.Keys) *auth.Keys {
	t.Helper()
	select {
	case <-k.Synced():
	case <-time.After(10 * time.Second):
		t.Fatal("the keys are not read")
	}
	return k
}

// create makes a key for shop, with the scope read.
func create(t testing.TB, s kv.Store, expires time.Time) (text string, made auth.Key) {
	t.Helper()
	text, made, err := auth.Ring{Store: s}.Create(t.Context(), auth.Key{
		Owner: "shop", Scopes: []auth.Scope{auth.Read}, ExpiresAt: expires, Note: "for a test",
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return text, made
}

// await polls for what comes of the watch.
func await(t testing.TB, what string, f func() bool) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(10 * time.Second); !f(); <-again.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

func isNobody(p auth.Principal, err error) bool {
	return errors.Is(err, auth.ErrUnauthorized) && p.Owner == "" && p.Scopes == nil && p.Key == ""
}

func TestAKeyIsGoodWhereverTheStoreIs(t *testing.T) {
	s := open(t)
	before := synced(t, follow(t, s))
	text, made := create(t, s, time.Time{})
	for name, k := range map[string]*auth.Keys{"that was there before": before, "that comes later": synced(t, follow(t, s)), "that has not read yet": auth.NewKeys(s)} {
		p, err := k.Check(t.Context(), text)
		if err != nil || p.Owner != "shop" || p.Key != made.ID || !p.Allows(auth.Read) || p.Allows(auth.Submit) || p.Allows(auth.Admin) {
			t.Errorf("a process %s: %+v, %v", name, p, err)
		}
	}
}

// What a scanner for secrets looks for, as docs/keys.md says it.
var pattern = regexp.MustCompile(`^ml_[a-z2-7]{10}_[a-z2-7]{26}[0-9a-f]{8}$`)

func TestOnlyTheHashIsKept(t *testing.T) {
	s := open(t)
	text, made := create(t, s, time.Time{})
	if !pattern.MatchString(text) {
		t.Errorf("the key is %s", text)
	}
	page, err := s.List(t.Context(), "", "", 0)
	if err != nil || len(page.Entries) != 1 {
		t.Fatal(page, err)
	}
	secret := text[14:40]
	value := string(page.Entries[0].Value)
	if page.Entries[0].Key != "keys/"+made.ID || strings.Contains(value, secret) || !strings.Contains(value, `"hash":"`) || !strings.Contains(value, `"owner":"shop"`) {
		t.Errorf("kept is %s = %s", page.Entries[0].Key, value)
	}
	if other, _ := create(t, s, time.Time{}); other[14:40] == secret || other[3:13] == text[3:13] {
		t.Errorf("two keys are %s and %s", text, other)
	}
}

func TestJunkIsRefusedWithoutALookUp(t *testing.T) {
	s := open(t)
	text, _ := create(t, s, time.Time{})
	k := synced(t, follow(t, s))
	junk := map[string]string{"nothing": "", "a word": "secret", "twice": text + text, "upper case": strings.ToUpper(text), "with a space": text + " "}
	for i := range text { // one letter is another
		b := []byte(text)
		b[i] = "2z"[map[bool]int{true: 1}[b[i] == '2']]
		junk[fmt.Sprintf("letter %d", i)] = string(b)
	}
	for name, bad := range junk {
		if p, err := k.Check(t.Context(), bad); !isNobody(p, err) {
			t.Errorf("%s, %q: %+v, %v", name, bad, p, err)
		}
	}
	if n := s.gets.Load(); n != 0 {
		t.Errorf("the store was asked %d times", n)
	}
}

// unknown is a well-formed key of another lab.
func unknown(t testing.TB) string {
	t.Helper()
	text, _ := create(t, open(t), time.Time{})
	return text
}

func TestUnknownKeysDoNotFloodTheStore(t *testing.T) {
	s := open(t)
	k := synced(t, follow(t, s))
	bad := unknown(t)
	began := time.Now()
	for range 5000 {
		if p, err := k.Check(t.Context(), bad); !isNobody(p, err) {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	if n, most := s.gets.Load(), 21+int64(time.Since(began).Seconds()*10); n > most || n == 0 {
		t.Errorf("the store was asked %d times, expected 1 to %d", n, most)
	}
	text, _ := create(t, s, time.Time{}) // there is no budget left, but the view
	await(t, "a new key", func() bool { _, err := k.Check(t.Context(), text); return err == nil })
}

func TestTheRefusalDoesNotSayWhy(t *testing.T) {
	s := open(t)
	text, made := create(t, s, time.Time{})
	k := synced(t, follow(t, s))
	other := unknown(t)
	mixed := "ml_" + made.ID + other[13:40] // the secret of another one
	revoked, gone := create(t, s, time.Time{})
	if err := (auth.Ring{Store: s}).Revoke(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, bad := range []string{text[:47], other, withSum(mixed), revoked} {
		_, err := k.Check(t.Context(), bad)
		f := fault.From(err)
		said = append(said, f.Code+f.Title+f.Detail)
		if strings.Contains(err.Error(), bad) || len(bad) > 40 && strings.Contains(err.Error(), bad[14:40]) {
			t.Errorf("the error has the key: %v", err)
		}
	}
	for _, text := range said {
		if text != said[0] || text == "" {
			t.Errorf("it is said: %q", said)
		}
	}
}

func TestRevokingIsSeen(t *testing.T) {
	s := open(t)
	text, made := create(t, s, time.Time{})
	one, two := synced(t, follow(t, s)), synced(t, follow(t, s))
	if err := (auth.Ring{Store: s}).Revoke(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*auth.Keys{one, two} {
		await(t, "the end of a key", func() bool { return isNobody(k.Check(t.Context(), text)) })
		if needed, err := k.Needed(t.Context()); err != nil || !needed {
			t.Errorf("after the last key is gone: %v, %v", needed, err)
		}
	}
	if err := (auth.Ring{Store: s}).Revoke(t.Context(), made.ID); !errors.Is(err, auth.ErrNoKey) {
		t.Errorf("again: %v", err)
	}
	if err := (auth.Ring{Store: s}).Revoke(t.Context(), ""); !errors.Is(err, auth.ErrNoKey) {
		t.Errorf("nothing: %v", err)
	}
}

func TestKeysExpire(t *testing.T) {
	s := open(t)
	end := time.Now().Add(1500 * time.Millisecond)
	text, _ := create(t, s, end)
	k := synced(t, follow(t, s))
	p, err := k.Check(t.Context(), text)
	if err != nil && time.Now().Before(end) {
		t.Fatal(err)
	}
	token, err := k.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the end of a key", func() bool { return isNobody(k.Check(t.Context(), text)) })
	if time.Now().Before(end) {
		t.Error("it has ended early")
	}
	if p, err := k.Session(t.Context(), token); !isNobody(p, err) {
		t.Errorf("its session: %+v, %v", p, err)
	}
}

func TestWhileTheStoreIsAway(t *testing.T) {
	s := open(t)
	text, _ := create(t, s, time.Time{})
	k := synced(t, follow(t, s))
	s.away.Store(true)
	if p, err := k.Check(t.Context(), text); err != nil || p.Owner != "shop" {
		t.Errorf("what was known: %+v, %v", p, err)
	}
	if p, err := k.Check(t.Context(), unknown(t)); !isNobody(p, err) {
		t.Errorf("what was not: %+v, %v", p, err)
	}
	blind := auth.NewKeys(s)
	for range 100 {
		if p, err := blind.Check(t.Context(), text); !errors.Is(err, fault.ErrUnavailable) || p.Owner != "" {
			t.Fatalf("before anything was read: %+v, %v", p, err)
		}
	}
}

func TestNobodyKnowsWhetherKeysAreNeeded(t *testing.T) {
	s := open(t)
	synctest.Test(t, func(t *testing.T) {
		k := auth.NewKeys(s)
		began := time.Now()
		if needed, err := k.Needed(t.Context()); !needed || !errors.Is(err, fault.ErrUnavailable) || time.Since(began) != 2*time.Second {
			t.Errorf("after %v: %v, %v", time.Since(began), needed, err)
		}
	})
	if needed, err := synced(t, follow(t, s)).Needed(t.Context()); needed || err != nil {
		t.Errorf("without a key: %v, %v", needed, err)
	}
	create(t, s, time.Time{})
	if needed, err := synced(t, follow(t, s)).Needed(t.Context()); !needed || err != nil {
		t.Errorf("with a key: %v, %v", needed, err)
	}
}

// A lab whose only key cannot be read is not open to everybody.
func TestAKeyThatCannotBeReadIsAKey(t *testing.T) {
	s := open(t)
	text, made := create(t, s, time.Time{})
	if _, _, err := s.Put(t.Context(), "keys/"+made.ID, []byte(`{"later":"version"}`), kv.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	k := synced(t, follow(t, s))
	if needed, err := k.Needed(t.Context()); err != nil || !needed {
		t.Errorf("%v, %v", needed, err)
	}
	if p, err := k.Check(t.Context(), text); !isNobody(p, err) {
		t.Errorf("%+v, %v", p, err)
	}
	all, err := auth.Ring{Store: s}.All(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != made.ID || all[0].Owner != "" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestTheLastUseIsKept(t *testing.T) {
	s := open(t)
	text, made := create(t, s, time.Time{})
	_, idle := create(t, s, time.Time{})
	ctx, stop := context.WithCancel(t.Context())
	k := auth.NewKeys(s)
	done := make(chan struct{})
	go func() { defer close(done); k.Follow(ctx, quiet) }()
	synced(t, k)
	began := time.Now().Truncate(time.Second)
	use := func() {
		if _, err := k.Check(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	usedAt := func() time.Time {
		all, err := auth.Ring{Store: s}.All(t.Context())
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		for _, k := range all {
			if k.ID == idle.ID && !k.UsedAt.IsZero() {
				t.Errorf("%s was used at %v", k.ID, k.UsedAt)
			}
			if k.ID == made.ID {
				return k.UsedAt
			}
		}
		return time.Time{}
	}
	use()
	await(t, "the first use", func() bool { at := usedAt(); return !at.Before(began) && !at.After(time.Now()) })
	revision := func() int64 {
		e, err := s.Get(t.Context(), "keys-used/"+made.ID)
		if err != nil {
			t.Fatal(err)
		}
		return e.Revision
	}
	first := revision()
	for range 1000 {
		use()
	}
	if revision() != first {
		t.Error("each use is written down")
	}
	stop()
	<-done
	if revision() == first {
		t.Error("the last use is not written down when the process stops")
	}
	if err := (auth.Ring{Store: s}).Revoke(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "keys-used/"+made.ID); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("after the key: %v", err)
	}
}

func TestWishesAreJudged(t *testing.T) {
	s := open(t)
	good := auth.Key{Owner: "a", Scopes: []auth.Scope{auth.Submit}}
	for name, spoil := range map[string]func(*auth.Key){
		"no owner":             func(k *auth.Key) { k.Owner = "" },
		"an owner with a /":    func(k *auth.Key) { k.Owner = "a/b" },
		"an owner of letters":  func(k *auth.Key) { k.Owner = "Ä" },
		"a long owner":         func(k *auth.Key) { k.Owner = strings.Repeat("a", 65) },
		"no scope":             func(k *auth.Key) { k.Scopes = nil },
		"an unknown scope":     func(k *auth.Key) { k.Scopes = []auth.Scope{"write"} },
		"a scope twice":        func(k *auth.Key) { k.Scopes = []auth.Scope{auth.Read, auth.Read} },
		"a long note":          func(k *auth.Key) { k.Note = strings.Repeat("x", 201) },
		"a note of two lines":  func(k *auth.Key) { k.Note = "a\nb" },
		"one that has expired": func(k *auth.Key) { k.ExpiresAt = time.Now().Add(-time.Second) },
	} {
		k := good
		spoil(&k)
		if text, _, err := (auth.Ring{Store: s}).Create(t.Context(), k, time.Now()); !errors.Is(err, auth.ErrInvalidKey) || text != "" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	for _, owner := range []string{"a", "public", "a.b_c-9", strings.Repeat("z", 64)} {
		k := good
		k.Owner = owner
		if _, _, err := (auth.Ring{Store: s}).Create(t.Context(), k, time.Now()); err != nil {
			t.Errorf("%s: %v", owner, err)
		}
	}
	if page, err := s.List(t.Context(), "", "", 0); err != nil || len(page.Entries) != 4 {
		t.Errorf("%d are kept, %v", len(page.Entries), err)
	}
}

func TestWhatIsKeptIsJudged(t *testing.T) {
	s := open(t)
	_, made := create(t, s, time.Now().Add(time.Hour))
	e, err := s.Get(t.Context(), "keys/"+made.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.CheckEntry(made.ID, e.Value); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "a", made.ID + "a", strings.ToUpper(made.ID), "aaaaaaaaa/", "aaaaaaaaa1"} {
		if auth.CheckEntry(id, e.Value) == nil {
			t.Errorf("the ID %q is taken", id)
		}
	}
	change := func(name string, value any) []byte {
		var m map[string]any
		if err := json.Unmarshal(e.Value, &m); err != nil {
			t.Fatal(err)
		}
		m[name] = value
		out, _ := json.Marshal(m)
		return out
	}
	for name, value := range map[string][]byte{
		"nothing":       nil,
		"a null":        []byte("null"),
		"a list":        []byte("[]"),
		"two":           append(bytes.Clone(e.Value), e.Value...),
		"much":          append(bytes.Clone(e.Value), bytes.Repeat([]byte(" "), 4<<10)...),
		"a field more":  change("secret", "x"),
		"an owner /":    change("owner", "/"),
		"no scopes":     change("scopes", nil),
		"another scope": change("scopes", []string{"all"}),
		"no hash":       change("hash", strings.Repeat("0", 64)),
		"a short hash":  change("hash", "00"),
		"a hash of xs":  change("hash", strings.Repeat("x", 64)),
		"no time":       change("createdAt", "yesterday"),
	} {
		if auth.CheckEntry(made.ID, value) == nil {
			t.Errorf("%s is taken: %s", name, value)
		}
	}
}

func withSum(text string) string { return auth.WithSum(text) }

func BenchmarkCheck(b *testing.B) {
	s := open(b)
	text, _ := create(b, s, time.Time{})
	for range 999 {
		create(b, s, time.Time{})
	}
	k := synced(b, follow(b, s))
	bad := unknown(b)
	for name, run := range map[string]func() error{
		"good":    func() error { _, err := k.Check(b.Context(), text); return err },
		"unknown": func() error { _, err := k.Check(b.Context(), bad); return fault.From(err).Unwrap() },
		"junk":    func() error { _, err := k.Check(b.Context(), "ml_"); return fault.From(err).Unwrap() },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if err := run(); name == "good" && err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "720h": now.AddDate(0, 0, 30), "30d": now.AddDate(0, 0, 30), "90s": now.Add(90 * time.Second),
		"2027-01-31T02:00:00+02:00": time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := auth.ExpiryOf(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "0s", "-1h", "-1d", "d", "1x", "30", "99999999999999999999d", "1000000d", "9999-01-01T00:00:00Z", "2020-01-31T00:00:00Z", "tomorrow"} {
		if got, err := auth.ExpiryOf(text, now); !errors.Is(err, auth.ErrInvalidKey) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}
