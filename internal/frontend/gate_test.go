package frontend_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"minilab/internal/auth"
	"minilab/internal/frontend"
	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/preset"
)

// keyed is a frontend of a lab with keys.
type keyed struct {
	t     testing.TB
	store kv.Store
	keys  *auth.Keys
	rt    *httpx.Router
	url   string

	uploads fakeUploads
	lab     fakeLab
}

// serveKeyed runs a frontend that follows keys; it has none at first.
func serveKeyed(t testing.TB) *keyed {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	k := &keyed{t: t, store: s, keys: auth.NewKeys(s), lab: fakeLab{Customers: noLab{}}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.keys.Follow(ctx, log) }()
	t.Cleanup(func() { cancel(); <-done; s.Close() })
	k.rt = frontend.New(frontend.Config{
		Customers: &k.lab, Board: noLab{}, Catalog: pipeline.NewCatalog(), Presets: noPresets{}, Hooks: noHooks{},
		Workers: func() []frontend.Worker { return nil }, Uploads: &k.uploads, Limits: roomy, Log: log,
		Keys: k.keys, Ring: auth.Ring{Store: s}, Hosts: httpx.HostsOf("https://photos.example.org"),
		Scraper: func(_ http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("Authorization") != "Bearer metrics" {
				return auth.ErrUnauthorized
			}
			return nil
		},
	})
	httpx.Probes(k.rt, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics") }))
	server := httptest.NewServer(k.rt)
	t.Cleanup(server.Close)
	k.url = server.URL
	return k
}

// create makes a key, which is known when it returns.
func (k *keyed) create(owner string, scopes ...auth.Scope) (text, id string) {
	k.t.Helper()
	text, made, err := auth.Ring{Store: k.store}.Create(k.t.Context(), auth.Key{Owner: owner, Scopes: scopes}, time.Now())
	if err != nil {
		k.t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; {
		if _, err := k.keys.Check(k.t.Context(), text); err == nil {
			return text, made.ID
		}
		if time.Now().After(end) {
			k.t.Fatal("a new key is not known")
		}
	}
}

// ask calls a route from another machine, as far as the frontend can tell.
func (k *keyed) ask(route string, header http.Header) *httptest.ResponseRecorder {
	k.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(""))
	r.RemoteAddr, r.Host = "192.0.2.7:1234", "127.0.0.1"
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	ctx, cancel := context.WithTimeout(k.t.Context(), 5*time.Second) // streams end
	defer cancel()
	k.rt.ServeHTTP(w, r.WithContext(ctx))
	return w
}

func shows(key string) http.Header { return http.Header{"Authorization": {"Bearer " + key}} }

// decisions say for each route which scopes let a caller through. None: it is
// open. Each of them: any good key does.
var decisions = map[string][]auth.Scope{
	"GET /":                        nil,
	"GET /favicon.ico":             nil,
	"GET /assets/{version}/{name}": nil,
	"GET /livez":                   nil,
	"GET /readyz":                  nil,
	"GET /metrics":                 {auth.Admin},
	"GET /session":                 auth.Scopes,
	"POST /session":                auth.Scopes,
	"DELETE /session":              auth.Scopes,
	"POST /newImage":               {auth.Submit},
	"GET /image/isReady":           {auth.Read},
	"GET /image/get":               {auth.Read},

	"POST /api/v1/uploads":      {auth.Submit},
	"GET /api/v1/uploads":       {auth.Submit},
	"PATCH /api/v1/uploads":     {auth.Submit},
	"DELETE /api/v1/uploads":    {auth.Submit},
	"OPTIONS /api/v1/uploads":   {auth.Submit},
	"POST /api/v1/uploads/*":    {auth.Submit},
	"GET /api/v1/uploads/*":     {auth.Submit},
	"PATCH /api/v1/uploads/*":   {auth.Submit},
	"DELETE /api/v1/uploads/*":  {auth.Submit},
	"OPTIONS /api/v1/uploads/*": {auth.Submit},
	"GET /openapi.yaml":         nil,
	"GET /docs":                 nil,
	"GET /docs/start.js":        nil,
	"GET /docs/scalar.js":       nil,

	"POST /api/v1/tasks":                     {auth.Submit},
	"GET /api/v1/tasks":                      {auth.Read},
	"DELETE /api/v1/tasks":                   {auth.Submit},
	"GET /api/v1/tasks/{id}":                 {auth.Read},
	"DELETE /api/v1/tasks/{id}":              {auth.Submit},
	"POST /api/v1/tasks/{id}/cancel":         {auth.Submit},
	"POST /api/v1/tasks/{id}/retry":          {auth.Submit},
	"GET /api/v1/tasks/{id}/result":          {auth.Read},
	"GET /api/v1/tasks/{id}/result/{output}": {auth.Read},
	"GET /api/v1/tasks/{id}/original":        {auth.Read},
	"GET /api/v1/operations":                 {auth.Read},
	"GET /api/v1/operations/schema":          {auth.Read},
	"GET /api/v1/presets":                    {auth.Read},
	"GET /api/v1/presets/{name}":             {auth.Read},
	"PUT /api/v1/presets/{name}":             {auth.Admin},
	"DELETE /api/v1/presets/{name}":          {auth.Admin},
	"GET /api/v1/events":                     {auth.Read},
	"GET /api/v1/stats":                      {auth.Admin},
	"GET /api/v1/workers":                    {auth.Admin},

	"POST /api/v1/links":          {auth.Read, auth.Submit},
	"POST /api/v1/links/rotation": {auth.Admin},

	"GET /api/v1/webhooks":                            {auth.Admin},
	"POST /api/v1/webhooks":                           {auth.Admin},
	"DELETE /api/v1/webhooks/{id}":                    {auth.Admin},
	"POST /api/v1/webhooks/{id}/enable":               {auth.Admin},
	"POST /api/v1/webhooks/{id}/test":                 {auth.Admin},
	"POST /api/v1/webhooks/{id}/rotate":               {auth.Admin},
	"GET /api/v1/webhooks/callback-secret":            {auth.Admin},
	"POST /api/v1/webhooks/callback-secret/rotate":    {auth.Admin},
	"GET /api/v1/webhooks/deliveries":                 {auth.Admin},
	"POST /api/v1/webhooks/deliveries/{id}/redeliver": {auth.Admin},

	"GET /api/v1/keys":         {auth.Admin},
	"POST /api/v1/keys":        {auth.Admin},
	"DELETE /api/v1/keys/{id}": {auth.Admin},
}

// noLab is a lab that has nothing.
type noLab struct{}

func (noLab) Submit(_ context.Context, _ lab.Submission, body io.Reader) (lab.Task, error) {
	_, err := io.Copy(io.Discard, body)
	return lab.Task{ID: "0198f3c2-7d1a-7000-8000-000000000000"}, err
}

func (noLab) Task(context.Context, lab.Ref, time.Duration) (lab.Task, error) {
	return lab.Task{}, lab.ErrNotFound
}

func (noLab) Tasks(context.Context, lab.Filter) (lab.Page, error) { return lab.Page{}, nil }

func (noLab) Result(context.Context, lab.Ref, string) (lab.Result, error) {
	return lab.Result{}, lab.ErrNotFound
}

func (noLab) Original(context.Context, lab.Ref) (lab.Result, error) {
	return lab.Result{}, lab.ErrNotFound
}

func (noLab) Cancel(context.Context, lab.Ref) (lab.Task, error) { return lab.Task{}, lab.ErrNotFound }
func (noLab) Retry(context.Context, lab.Ref) (lab.Task, error)  { return lab.Task{}, lab.ErrNotFound }
func (noLab) Delete(context.Context, lab.Ref) error             { return lab.ErrNotFound }

func (noLab) Events(context.Context, int64, int, time.Duration) ([]lab.Event, error) { return nil, nil }
func (noLab) Places(context.Context, []string) ([]lab.Place, error)                  { return nil, nil }
func (noLab) Stats(context.Context) (lab.Stats, error)                               { return lab.Stats{}, nil }

// noPresets has none.
type noPresets struct{}

func (noPresets) All(context.Context, string) (map[string]string, error) { return nil, nil }
func (noPresets) Delete(context.Context, preset.Name) error              { return preset.ErrNotFound }
func (noPresets) Set(context.Context, preset.Name, []byte) error         { return nil }

func (noPresets) Find(context.Context, preset.Name) (preset.Name, string, error) {
	return preset.Name{}, "", preset.ErrNotFound
}

var parameter = regexp.MustCompile(`\{[^}]*\}|\*`)

func TestEveryRouteHasADecision(t *testing.T) {
	k := serveKeyed(t)
	keys := map[auth.Scope]string{}
	for _, s := range auth.Scopes {
		keys[s], _ = k.create("shop", s)
	}
	seen := map[string]bool{}
	for _, route := range k.rt.Routes() {
		method, path, _ := strings.Cut(strings.Replace(route, "HEAD ", "GET ", 1), " ")
		named := method + " " + path
		if _, any := decisions["* "+path]; any {
			named = "* " + path
		}
		allowed, decided := decisions[named]
		if seen[named] = true; !decided {
			t.Errorf("nobody has decided who may %s: see decisions", route)
			continue
		}
		call := parameter.ReplaceAllString(route, "0198f3c2-7d1a-7000-8000-000000000000")
		for name, header := range map[string]http.Header{"no key": nil, "a bad key": shows("ml_x"), "a password": {"Authorization": {"Basic eDp5"}}} {
			w := k.ask(call, header)
			if refused := w.Code == http.StatusUnauthorized; refused != (len(allowed) > 0) {
				t.Errorf("%s with %s: %d", route, name, w.Code)
			}
			if header := w.Header().Get("WWW-Authenticate"); (w.Code == http.StatusUnauthorized) != strings.HasPrefix(header, "Bearer") {
				t.Errorf("%s with %s: %d, WWW-Authenticate: %q", route, name, w.Code, header)
			}
		}
		for scope, key := range keys {
			w := k.ask(call, shows(key))
			if ok := len(allowed) == 0 || slices.Contains(allowed, scope); ok != (w.Code != http.StatusForbidden) || w.Code == http.StatusUnauthorized {
				t.Errorf("%s with the scope %s: %d", route, scope, w.Code)
			}
		}
	}
	for route := range decisions {
		if !seen[route] {
			t.Errorf("there is no %s", route)
		}
	}
}

func TestPathsThatAreNotRoutes(t *testing.T) {
	k := serveKeyed(t)
	key, _ := k.create("shop", auth.Read)
	for path, status := range map[string]int{
		"/nothing":                    401,
		"/newImage/":                  401,
		"/%6eewImage":                 401,
		"//image/get":                 401,
		"/assets/../image/get":        404,
		"/assets/x/..%2f..%2fmetrics": 404,
		"/docs/../metrics":            404,
		"/metrics/":                   401,
		"/api/v1/":                    401,
	} {
		if w := k.ask("GET "+path, nil); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
		if w := k.ask("GET "+path, shows(key)); w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s with a key: %d", path, w.Code)
		}
	}
}

func TestWithoutKeysEverybodyIsPublic(t *testing.T) {
	k := serveKeyed(t)
	resp, body := get(t, k.url+"/session")
	if resp.StatusCode != 200 || body != `{"owner":"public","scopes":["submit","read","admin"]}`+"\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if w := k.ask("GET /metrics", nil); w.Code != http.StatusOK {
		t.Errorf("metrics: %d", w.Code)
	}
	for _, bad := range [][]string{{"Bearer ml_old"}, {"Bearer "}, {"Basic eDp5"}, {"Bearer a", "Bearer b"}} {
		if w := k.ask("GET /session", http.Header{"Authorization": bad}); w.Code != http.StatusUnauthorized {
			t.Errorf("what is shown and is no good key, %v: %d", bad, w.Code)
		}
	}
	if w := k.ask("POST /session", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("a session for nobody: %d", w.Code)
	}
	_, id := k.create("shop", auth.Read)
	if w := k.ask("GET /session", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("as soon as there is a key: %d", w.Code)
	}
	if err := (auth.Ring{Store: k.store}).Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if w := k.ask("GET /session", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("when it is gone again: %d", w.Code)
	}
}

func TestMetricsAreForThisMachineAndAdmins(t *testing.T) {
	k := serveKeyed(t)
	k.create("shop", auth.Read)
	for name, header := range map[string]http.Header{"": nil, "X-Forwarded-For": {"X-Forwarded-For": {"192.0.2.1"}}, "Forwarded": {"Forwarded": {"for=192.0.2.1"}}} {
		resp, _ := do(t, http.MethodGet, k.url+"/metrics", header, nil)
		if want := map[bool]int{true: 200, false: 401}[name == ""]; resp.StatusCode != want {
			t.Errorf("with %q: %d", name, resp.StatusCode)
		}
	}
}

func TestMetricsAreForTheLabsTokensToo(t *testing.T) {
	k := serveKeyed(t)
	k.create("shop", auth.Read)
	for route, status := range map[string]int{"GET /metrics": 200, "GET /session": 401, "POST /newImage": 401} {
		if w := k.ask(route, shows("metrics")); w.Code != status {
			t.Errorf("%s: %d", route, w.Code)
		}
	}
	if w := k.ask("GET /metrics", shows("other")); w.Code != http.StatusUnauthorized {
		t.Errorf("another token: %d", w.Code)
	}
}

func TestWaysToShowAKey(t *testing.T) {
	k := serveKeyed(t)
	key, _ := k.create("shop", auth.Read)
	for show, status := range map[string]int{
		"Bearer " + key: 200, "bearer " + key: 200, "BEARER  " + key + " ": 200,
		key: 401, "Bearer": 401, "Bearer ": 401, "Bearer" + key: 401, "Basic " + key: 401, "Bearer " + key + ",Bearer " + key: 401,
	} {
		if w := k.ask("GET /session", http.Header{"Authorization": {show}}); w.Code != status {
			t.Errorf("%q: %d, want %d", show, w.Code, status)
		}
	}
	if w := k.ask("GET /session", http.Header{"Authorization": {"Bearer " + key, "Bearer " + key}}); w.Code != http.StatusUnauthorized {
		t.Errorf("twice: %d", w.Code)
	}
	if w := k.ask("GET /session?key="+key, nil); w.Code != http.StatusUnauthorized {
		t.Errorf("in the query: %d", w.Code)
	}
}

// A refused upload is answered before its body has come.
func TestTheBodyOfARefusedRequestIsNotTaken(t *testing.T) {
	k := serveKeyed(t)
	k.create("shop", auth.Submit)
	body, w := io.Pipe()
	defer w.Close()
	resp, text := do(t, http.MethodPost, k.url+"/newImage", nil, body)
	if resp.StatusCode != http.StatusUnauthorized || !isProblem(resp, text, "unauthorized") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

// errKeys are keys that nobody can read.
type errKeys struct{ *auth.Keys }

var errAway = errors.New("a secret reason")

func (errKeys) Needed(context.Context) (bool, error) { return false, errAway }

func TestWhileNobodyKnows(t *testing.T) {
	rt := frontend.New(frontend.Config{Customers: noLab{}, Board: noLab{}, Catalog: pipeline.NewCatalog(), Presets: noPresets{}, Workers: func() []frontend.Worker { return nil }, Limits: roomy, Keys: errKeys{}, Log: slog.New(slog.DiscardHandler)})
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/image/get?id=x", nil))
	if w.Code < 500 || strings.Contains(w.Body.String(), errAway.Error()) || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// linked signs what says so.
type linked struct{ frontend.Links }

func (linked) Signed(r *http.Request) bool { return r.URL.Query().Has("sig") }

func (linked) Principal(r *http.Request) (auth.Principal, error) {
	if r.URL.Query().Get("sig") != "good" {
		return auth.Principal{}, auth.ErrUnauthorized
	}
	return auth.Principal{Owner: "shop", Scopes: []auth.Scope{auth.Read}}, nil
}

func TestSignedLinks(t *testing.T) {
	k := serveKeyed(t)
	k.create("shop", auth.Submit)
	k.rt = frontend.New(frontend.Config{Customers: noLab{}, Board: noLab{}, Catalog: pipeline.NewCatalog(), Presets: noPresets{}, Workers: func() []frontend.Worker { return nil }, Limits: roomy, Keys: k.keys, Links: linked{}, Log: slog.New(slog.DiscardHandler)})
	for call, status := range map[string]int{
		"GET /image/get?id=x&sig=good": 404, "GET /image/get?id=x&sig=bad": 401, "GET /image/get?id=x": 401, "POST /newImage?sig=good": 403,
	} {
		if w := k.ask(call, nil); w.Code != status {
			t.Errorf("%s: %d, want %d", call, w.Code, status)
		}
	}
}

func TestSessions(t *testing.T) {
	k := serveKeyed(t)
	key, id := k.create("shop", auth.Read)
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	send := func(method string, header http.Header) (*http.Response, string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), method, k.url+"/session", nil)
		maps.Copy(req.Header, header)
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp, string(body)
	}
	mine := fmt.Sprintf(`{"owner":"shop","scopes":["read"],"key":%q}`+"\n", id)
	resp, body := send(http.MethodPost, shows(key))
	cookie := resp.Header.Get("Set-Cookie")
	if resp.StatusCode != 200 || body != mine || !regexp.MustCompile(`^minilab-session=[A-Z2-7]{26}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict$`).MatchString(cookie) {
		t.Fatalf("%d %s, Set-Cookie: %s", resp.StatusCode, body, cookie)
	}
	if resp, body := send(http.MethodGet, nil); resp.StatusCode != 200 || body != mine || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("whose session it is: %d %s", resp.StatusCode, body)
	}
	if resp, _ := send(http.MethodPost, nil); resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("a session that opens another one: %d", resp.StatusCode)
	}
	if resp, _ := send(http.MethodGet, shows("ml_bad")); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a bad key beside a good session: %d", resp.StatusCode)
	}
	if resp, _ := send(http.MethodDelete, http.Header{"Sec-Fetch-Site": {"same-site"}}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("another site's page signs out: %d", resp.StatusCode)
	}
	if resp, _ := send(http.MethodDelete, nil); resp.StatusCode != http.StatusNoContent || !strings.Contains(resp.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("signing out: %d %v", resp.StatusCode, resp.Header)
	}
	again := http.Header{"Cookie": {strings.SplitN(cookie, ";", 2)[0]}}
	for end := time.Now().Add(5 * time.Second); ; {
		resp, _ := send(http.MethodGet, again)
		if resp.StatusCode == http.StatusUnauthorized && strings.Contains(resp.Header.Get("Set-Cookie"), "Max-Age=0") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the session that was signed out of: %d", resp.StatusCode)
		}
	}
}

func TestCookiesOfHTTPS(t *testing.T) {
	k := serveKeyed(t)
	key, _ := k.create("shop", auth.Read)
	header := shows(key)
	header.Set("X-Forwarded-Proto", "https")
	w := k.ask("POST /session", header)
	cookie := w.Header().Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-minilab-session=") || !strings.Contains(cookie, "; Secure") {
		t.Fatalf("Set-Cookie: %s", cookie)
	}
	value := strings.SplitN(cookie, ";", 2)[0]
	if w := k.ask("GET /session", http.Header{"Cookie": {value}, "X-Forwarded-Proto": {"https"}}); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := k.ask("GET /session", http.Header{"Cookie": {value}}); w.Code != http.StatusUnauthorized {
		t.Errorf("by http: %d", w.Code)
	}
}

// TestMetricsOfAnotherName: what this machine may see without a key is not shown
// to a page that has given a name of its own to it.
func TestMetricsOfAnotherName(t *testing.T) {
	k := serveKeyed(t)
	k.create("ann", auth.Read)
	for host, status := range map[string]int{"localhost:9080": 200, "127.0.0.1": 200, "photos.example.org": 200, "evil.example": 401} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:1234", host
		w := httptest.NewRecorder()
		if k.rt.ServeHTTP(w, r); w.Code != status {
			t.Errorf("asked as %q it answers %d %s", host, w.Code, w.Body)
		}
	}
}

// A lab without keys does what whoever is on this machine says, but not what a
// page says that has given a name of its own to this machine's address.
func TestWithoutKeysOnlyOwnNamesAreAsked(t *testing.T) {
	k := serveKeyed(t)
	for host, status := range map[string]int{
		"127.0.0.1:8080": 200, "localhost": 200, "LOCALHOST:8080": 200, "lab.localhost:1": 200, "[::1]:8080": 200, "[::1]": 200, "192.0.2.7": 200,
		"evil.example:8080": 403, "evil.example": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example:80": 403, "localhost:": 200,
		"photos.example.org": 200, "photos.example.org.evil.example": 403, "": 200, // no browser sends none
	} {
		for end := time.Now().Add(10 * time.Second); ; {
			r := httptest.NewRequest("GET", "/api/v1/tasks", nil)
			r.Host = host
			w := httptest.NewRecorder()
			k.rt.ServeHTTP(w, r)
			if w.Code == status {
				break
			}
			if w.Code != http.StatusServiceUnavailable || time.Now().After(end) { // until the keys are known
				t.Errorf("asked as %q it answers %d %s", host, w.Code, w.Body)
				break
			}
		}
	}
	key, _ := k.create("ann", auth.Read)
	r := httptest.NewRequest("GET", "/api/v1/tasks", nil)
	r.Host = "lab.example"
	r.Header = shows(key)
	w := httptest.NewRecorder()
	if k.rt.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("with a key it answers %d %s", w.Code, w.Body)
	}
}
