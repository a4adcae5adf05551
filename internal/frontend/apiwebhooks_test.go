package frontend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"minilab/internal/auth"
	"minilab/internal/frontend"
	"minilab/internal/hook"
	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite/sqlitetest"
)

// noHooks is a desk that has nothing.
type noHooks struct{}

func (noHooks) Subscribe(context.Context, hook.Webhook) (hook.Webhook, error) {
	return hook.Webhook{}, hook.ErrInvalid
}
func (noHooks) Webhooks(context.Context, string) ([]hook.Webhook, error)   { return nil, nil }
func (noHooks) Unsubscribe(context.Context, string, string) error          { return hook.ErrNotFound }
func (noHooks) Deliveries(context.Context, hook.Filter) (hook.Page, error) { return hook.Page{}, nil }
func (noHooks) Enable(context.Context, string, string) (hook.Webhook, error) {
	return hook.Webhook{}, hook.ErrNotFound
}
func (noHooks) Ping(context.Context, string, string) (hook.Delivery, error) {
	return hook.Delivery{}, hook.ErrNotFound
}
func (noHooks) Redeliver(context.Context, string, string) (hook.Delivery, error) {
	return hook.Delivery{}, hook.ErrNotFound
}
func (noHooks) Secret(context.Context, string, string, bool) (string, error) { return "", nil }

// desk is a frontend of two owners over a real task database.
type desk struct {
	*testing.T
	tasks    *sqltaskdb.Store
	ann, bob string // URLs
}

func openDesk(t *testing.T) *desk {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := sqlitetest.Open(t, t.TempDir(), sqltaskdb.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d := &desk{T: t, tasks: s}
	for owner, url := range map[string]*string{"ann": &d.ann, "bob": &d.bob} {
		rt := frontend.New(frontend.Config{Customers: noLab{}, Board: noLab{}, Hooks: s, Catalog: pipeline.NewCatalog(), Presets: noPresets{}, Limits: roomy, Log: log, Keys: oneOwner(owner)})
		server := httptest.NewServer(rt)
		t.Cleanup(server.Close)
		*url = server.URL + "/api/v1/webhooks"
	}
	return d
}

// oneOwner takes every key for that owner's.
type oneOwner string

func (o oneOwner) Needed(context.Context) (bool, error) { return true, nil }
func (o oneOwner) Check(context.Context, string) (auth.Principal, error) {
	return auth.Principal{Owner: string(o), Scopes: auth.Scopes}, nil
}
func (o oneOwner) Open(context.Context, auth.Principal) (string, error) { return "", nil }
func (o oneOwner) Session(context.Context, string) (auth.Principal, error) {
	return auth.Principal{}, nil
}
func (o oneOwner) Close(context.Context, string) error { return nil }

// call wants a status and reads the answer.
func (d *desk) call(status int, method, url, body string) (answer map[string]any) {
	d.Helper()
	header := http.Header{"Authorization": {"Bearer x"}, "Content-Type": {"application/json"}}
	resp, text := do(d.T, method, url, header, strings.NewReader(body))
	if resp.StatusCode != status {
		d.Fatalf("%s %s: %d %s, want %d", method, url, resp.StatusCode, text, status)
	}
	if status != http.StatusNoContent {
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			d.Fatalf("%s %s: %s", method, url, text)
		}
		if cache := resp.Header.Get("Cache-Control"); cache != "no-store" {
			d.Errorf("%s %s may be kept: %q", method, url, cache)
		}
	}
	return answer
}

func (d *desk) end(id string) {
	d.Helper()
	_, _, err := d.tasks.Create(d.Context(), taskdb.Task{ID: id, Owner: "ann", Callback: "https://c.example/", Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: "k"}})
	if err != nil {
		d.Fatal(err)
	}
	if _, err := d.tasks.Cancel(d.Context(), id); err != nil {
		d.Fatal(err)
	}
}

func TestWebhooks(t *testing.T) {
	d := openDesk(t)
	made := d.call(201, "POST", d.ann, `{"url":"https://a.example/in","types":["task.failed"],"tags":["x"]}`)
	id, secret := made["id"].(string), made["secret"].(string)
	if !strings.HasPrefix(secret, "whsec_") || made["url"] != "https://a.example/in" || made["createdAt"] == "" || made["owner"] != nil {
		t.Errorf("made %v", made)
	}
	listed := d.call(200, "GET", d.ann, "")["webhooks"].([]any)
	if one := listed[0].(map[string]any); len(listed) != 1 || one["id"] != id || one["secret"] != nil || fmt.Sprint(one["types"], one["tags"]) != "[task.failed] [x]" {
		t.Errorf("listed %v", listed)
	}
	if list := d.call(200, "GET", d.bob, "")["webhooks"].([]any); len(list) != 0 {
		t.Errorf("bob sees %v", list)
	}
	for _, route := range []string{"DELETE ", "POST /enable", "POST /test", "POST /rotate"} {
		method, path, _ := strings.Cut(route, " ")
		if p := d.call(404, method, d.bob+"/"+id+path, ""); p["code"] != "not-found" {
			t.Errorf("%s of another's: %v", route, p)
		}
	}
	if fresh := d.call(200, "POST", d.ann+"/"+id+"/rotate", "")["secret"]; fresh == secret || !strings.HasPrefix(fresh.(string), "whsec_") {
		t.Errorf("the new secret is %v", fresh)
	}
	if ping := d.call(202, "POST", d.ann+"/"+id+"/test", ""); ping["type"] != "webhook.test" || ping["state"] != "pending" {
		t.Errorf("the test is %v", ping)
	}
	d.call(200, "POST", d.ann+"/"+id+"/enable", "")
	d.call(204, "DELETE", d.ann+"/"+id, "")
	d.call(404, "DELETE", d.ann+"/"+id, "")
}

func TestCallbackSecret(t *testing.T) {
	d := openDesk(t)
	first := d.call(200, "GET", d.ann+"/callback-secret", "")["secret"]
	if again := d.call(200, "GET", d.ann+"/callback-secret", "")["secret"]; again != first {
		t.Errorf("%v and then %v", first, again)
	}
	if bobs := d.call(200, "GET", d.bob+"/callback-secret", "")["secret"]; bobs == first {
		t.Error("two owners have the same secret")
	}
	if fresh := d.call(200, "POST", d.ann+"/callback-secret/rotate", "")["secret"]; fresh == first || d.call(200, "GET", d.ann+"/callback-secret", "")["secret"] != fresh {
		t.Errorf("the new secret is %v", fresh)
	}
}

func TestDeliveries(t *testing.T) {
	d := openDesk(t)
	for i := range 3 {
		d.end(fmt.Sprint("t-", i))
	}
	claimed, err := d.tasks.ClaimDeliveries(t.Context(), hook.ClaimRequest{Max: 1, Hold: hook.MaxHold})
	if err != nil {
		t.Fatal(err)
	}
	one := claimed[0]
	_, err = d.tasks.ReportDeliveries(t.Context(), []hook.Report{{ID: one.ID, Hold: one.Hold, Outcome: hook.Abandon, Status: 500, Error: "it answered 500", Took: 1e9}})
	if err != nil {
		t.Fatal(err)
	}
	of := d.call(200, "GET", d.ann+"/deliveries?task="+one.Task, "")["deliveries"].([]any)
	got := of[0].(map[string]any)
	if log := got["log"].([]any)[0].(map[string]any); len(of) != 1 || got["id"] != one.ID || got["state"] != "given-up" || got["attempts"] != 1.0 || log["status"] != 500.0 || log["seconds"] != 1.0 || got["data"] != nil {
		t.Errorf("the delivery is %v", got)
	}
	page := d.call(200, "GET", d.ann+"/deliveries?limit=2", "")
	rest := d.call(200, "GET", d.ann+"/deliveries?limit=2&cursor="+page["next"].(string), "")
	if len(page["deliveries"].([]any)) != 2 || len(rest["deliveries"].([]any)) != 1 || rest["next"] != nil {
		t.Errorf("pages %v and %v", page, rest)
	}
	d.call(404, "POST", d.bob+"/deliveries/"+one.ID+"/redeliver", "")
	if again := d.call(202, "POST", d.ann+"/deliveries/"+one.ID+"/redeliver", ""); again["id"] != one.ID || again["state"] != "pending" {
		t.Errorf("again %v", again)
	}
	if list := d.call(200, "GET", d.bob+"/deliveries", "")["deliveries"].([]any); len(list) != 0 {
		t.Errorf("bob sees %v", list)
	}
}

func TestWebhooksThatCannotBe(t *testing.T) {
	d := openDesk(t)
	for body, code := range map[string]string{
		``:                            "invalid-parameter",
		`{}`:                          "invalid-json",
		`[]`:                          "invalid-json",
		`{"url":"https://a.example/"`: "invalid-json",
		`{"url":"https://a.example/","types":["task.born"]}`:            "invalid-json",
		`{"url":"https://a.example/","types":"task.failed"}`:            "invalid-json",
		`{"url":"https://a.example/","other":1}`:                        "invalid-json",
		`{"url":"https://a.example/","owner":"bob"}`:                    "invalid-json",
		`{"url":"ftp://a.example/"}`:                                    "invalid-webhook",
		`{"url":"https://u:p@a.example/"}`:                              "invalid-webhook",
		`{"url":"https://a.example/#x"}`:                                "invalid-webhook",
		`{"url":"https://a.example:99999/"}`:                            "invalid-webhook",
		`{"url":"https://a.example/","tags":["a\nb"]}`:                  "invalid-webhook",
		`{"url":"https://a.example/` + strings.Repeat("x", 3000) + `"}`: "invalid-json",
	} {
		if p := d.call(400, "POST", d.ann, body); p["code"] != code {
			t.Errorf("%.80s: %v", body, p)
		}
	}
	for path, code := range map[string]string{
		"?x=1": "invalid-parameter", "/deliveries?limit=0": "invalid-parameter", "/deliveries?limit=101": "invalid-parameter",
		"/deliveries?limit=x": "invalid-parameter", "/deliveries?cursor=x": "invalid-cursor", "/deliveries?owner=bob": "invalid-parameter",
	} {
		if p := d.call(400, "GET", d.ann+path, ""); p["code"] != code {
			t.Errorf("%s: %v", path, p)
		}
	}
	for i := range hook.MaxWebhooks {
		d.call(201, "POST", d.ann, fmt.Sprintf(`{"url":"https://a.example/%d"}`, i))
	}
	if p := d.call(409, "POST", d.ann, `{"url":"https://a.example/"}`); p["code"] != "too-many-webhooks" {
		t.Errorf("one more: %v", p)
	}
	d.call(404, "DELETE", d.ann+"/..%2fx", "")
	d.call(404, "POST", d.ann+"/deliveries/msg_%00/redeliver", "")
}
