package frontend_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"minilab/internal/auth"
)

// send is ask with a body of JSON.
func (k *keyed) send(route, key, body string) *httptest.ResponseRecorder {
	k.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1"
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		maps.Copy(r.Header, shows(key))
	}
	w := httptest.NewRecorder()
	k.rt.ServeHTTP(w, r)
	return w
}

// keyAnswer is what is told of keys.
type keyAnswer struct {
	Key, ID, Owner, Note             string
	Scopes                           []string
	CreatedAt, ExpiresAt, LastUsedAt time.Time
	Keys                             []keyAnswer
}

func decoded(t *testing.T, w *httptest.ResponseRecorder, status int) (a keyAnswer) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil && w.Body.Len() > 0 || w.Code != status {
		t.Fatalf("%d, want %d: %s, %v", w.Code, status, w.Body, err)
	}
	if cache := w.Header().Get("Cache-Control"); status < 204 && cache != "no-store" {
		t.Errorf("Cache-Control: %q", cache)
	}
	return a
}

func TestKeysByTheAPI(t *testing.T) {
	k := serveKeyed(t)
	boss := decoded(t, k.send("POST /api/v1/keys", "", `{"owner":"boss","scopes":["admin"],"note":"the first"}`), 201)
	if boss.Owner != "boss" || boss.Note != "the first" || !strings.HasPrefix(boss.Key, "ml_"+boss.ID+"_") || !boss.ExpiresAt.IsZero() || time.Since(boss.CreatedAt) > time.Minute {
		t.Errorf("made is %+v", boss)
	}
	<-k.keys.Exist()
	decoded(t, k.send("GET /api/v1/keys", "", ""), 401)

	own := decoded(t, k.send("POST /api/v1/keys", boss.Key, `{"scopes":["read","submit"],"expires":"90d"}`), 201)
	if life := own.ExpiresAt.Sub(own.CreatedAt); own.Owner != "boss" || fmt.Sprint(own.Scopes) != "[read submit]" || life < 2159*time.Hour || life > 2161*time.Hour {
		t.Errorf("for the caller it is %+v", own)
	}
	decoded(t, k.send("GET /session", own.Key, ""), 200)
	decoded(t, k.send("POST /api/v1/keys", own.Key, `{"scopes":["admin"]}`), 403)

	w := k.send("GET /api/v1/keys", boss.Key, "")
	all := decoded(t, w, 200).Keys
	if len(all) != 2 || all[0].ID != boss.ID && all[1].ID != boss.ID {
		t.Fatalf("listed are %+v", all)
	}
	for _, secret := range []string{"hash", "ml_", boss.Key[14:40], own.Key[14:40]} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("the list has %s: %s", secret, w.Body)
		}
	}
	if w := k.send("DELETE /api/v1/keys/"+own.ID, boss.Key, ""); w.Code != http.StatusNoContent {
		t.Errorf("revoking: %d %s", w.Code, w.Body)
	}
	for end := time.Now().Add(5 * time.Second); k.send("GET /session", own.Key, "").Code != http.StatusUnauthorized; {
		if time.Now().After(end) {
			t.Fatal("a key that was revoked is good")
		}
	}
	decoded(t, k.send("DELETE /api/v1/keys/"+own.ID, boss.Key, ""), 404)
}

func TestBadWishesForKeys(t *testing.T) {
	k := serveKeyed(t)
	boss, _ := k.create("boss", auth.Admin)
	for name, tt := range map[string]struct {
		route, body string
		status      int
		code        string
	}{
		"nothing":            {"POST /api/v1/keys", "", 400, "invalid-parameter"},
		"no JSON":            {"POST /api/v1/keys", "owner=a", 400, "invalid-json"},
		"cut":                {"POST /api/v1/keys", `{"scopes":["read"]`, 400, "invalid-json"},
		"a list":             {"POST /api/v1/keys", `[]`, 400, "invalid-json"},
		"no scopes":          {"POST /api/v1/keys", `{"owner":"a"}`, 400, "invalid-json"},
		"an empty list":      {"POST /api/v1/keys", `{"scopes":[]}`, 400, "invalid-json"},
		"an unknown scope":   {"POST /api/v1/keys", `{"scopes":["write"]}`, 400, "invalid-json"},
		"a scope twice":      {"POST /api/v1/keys", `{"scopes":["read","read"]}`, 400, "invalid-api-key"},
		"an owner /":         {"POST /api/v1/keys", `{"owner":"a/b","scopes":["read"]}`, 400, "invalid-api-key"},
		"a long owner":       {"POST /api/v1/keys", `{"owner":"` + strings.Repeat("a", 65) + `","scopes":["read"]}`, 400, "invalid-json"},
		"a note of lines":    {"POST /api/v1/keys", `{"note":"a\nb","scopes":["read"]}`, 400, "invalid-api-key"},
		"a past":             {"POST /api/v1/keys", `{"expires":"2020-01-01T00:00:00Z","scopes":["read"]}`, 400, "invalid-api-key"},
		"a word":             {"POST /api/v1/keys", `{"expires":"soon","scopes":["read"]}`, 400, "invalid-api-key"},
		"a field more":       {"POST /api/v1/keys", `{"id":"mine","scopes":["read"]}`, 400, "invalid-json"},
		"its own hash":       {"POST /api/v1/keys", `{"hash":"00","scopes":["read"]}`, 400, "invalid-json"},
		"a parameter":        {"POST /api/v1/keys?owner=a", `{"scopes":["read"]}`, 400, "invalid-parameter"},
		"a big body":         {"POST /api/v1/keys", `{"note":"` + strings.Repeat(" ", 2<<20) + `"}`, 413, "too-large"},
		"another method":     {"PUT /api/v1/keys", `{}`, 405, "method-not-allowed"},
		"an unknown ID":      {"DELETE /api/v1/keys/aaaaaaaaaa", "", 404, "not-found"},
		"an ID of elsewhere": {"DELETE /api/v1/keys/..%2fpresets%2fa", "", 404, "not-found"},
		"a long ID":          {"DELETE /api/v1/keys/" + strings.Repeat("a", 65), "", 400, "invalid-parameter"},
		"no ID":              {"DELETE /api/v1/keys/", "", 404, "no-route"},
		"a page":             {"GET /api/v1/keys?cursor=x", "", 400, "invalid-parameter"},
	} {
		w := k.send(tt.route, boss, tt.body)
		if !isProblem(w.Result(), w.Body.String(), tt.code) || w.Code != tt.status {
			t.Errorf("%s: %d %.300s, want %d %s", name, w.Code, w.Body, tt.status, tt.code)
		}
	}
	if all, err := (auth.Ring{Store: k.store}).All(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("kept are %v, %v", all, err)
	}
}
