package frontend_test

import (
	"image/color"
	"net/http"
	"strings"
	"testing"

	"minilab/internal/auth"
	"minilab/internal/frontend/frontendtest"
)

const (
	asksForKey = `!document.querySelector("#sign-in").hidden && document.querySelector("#counter").hidden`
	showsPage  = `document.querySelector("#sign-in").hidden && !document.querySelector("#counter").hidden`
)

// enter types a key as a person does, and presses Enter.
func enter(p *frontendtest.Page, key string) {
	frontendtest.Value[bool](p, `(document.querySelector("#key").focus(), document.execCommand("insertText", false, "`+key+`"))`)
	p.Press("Enter", 1)
}

// until asks again and again, until a promise comes true; the test's browser
// has its own limit of time.
func until(p *frontendtest.Page, promise string) {
	for !frontendtest.Value[bool](p, promise) {
	}
}

func TestPageOfALabWithKeys(t *testing.T) {
	k := serveKeyed(t)
	key, id := k.create("shop", auth.Submit, auth.Read)
	p := frontendtest.Open(t.Context(), t, k.url)
	p.Await(asksForKey)
	shootAll(t, p, "sign-in")
	unnamed := frontendtest.Value[[]string](p, `[...document.querySelectorAll("#sign-in input, #sign-in button")]
		.filter((e) => !(e.labels?.[0]?.innerText.trim() || e.innerText.trim())).map((e) => e.outerHTML)`)
	if len(unnamed) > 0 {
		t.Errorf("without a name: %v", unnamed)
	}
	if commands := p.Text("#terminal"); frontendtest.Value[int](p, `document.querySelectorAll('#terminal code').length`) != 3 || commands == "" {
		t.Errorf("the commands are %s", commands)
	}

	enter(p, "ml_nonsense")
	p.Await(`document.querySelector("#key-problem").textContent.includes("not good here")`)
	enter(p, key)
	p.Await(showsPage)
	if who := p.Text("#who"); !strings.Contains(who, "shop") {
		t.Errorf("it says: %s", who)
	}
	if left := frontendtest.Value[string](p, `document.cookie + document.querySelector("#key").value + JSON.stringify({...localStorage, ...sessionStorage})`); left != "{}" {
		t.Errorf("scripts can read %q", left)
	}
	p.Drop(frontendtest.File{Name: "photo.jpg", Type: "image/jpeg", Bytes: plain(t, orange)})
	p.Await(isFinished)
	if shown := p.Dropped().Shown; !near(shown, color.NRGBA{30, 120, 230, 255}) {
		t.Errorf("the page shows %v", shown.At(10, 10))
	}
	curl := frontendtest.Value[string](p, `[...document.querySelectorAll("code")].map((c) => c.textContent).join("\n")`)
	if strings.Count(curl, `curl -H "Authorization: Bearer $MINILAB_KEY" `) != 6 || strings.Contains(curl, key) {
		t.Errorf("the commands are\n%s", curl)
	}

	// The session ends with its key, under the eyes of the person.
	if err := (auth.Ring{Store: k.store}).Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	until(p, `fetch("/session").then((r) => r.status === 401)`)
	p.Drop(frontendtest.File{Name: "late.jpg", Type: "image/jpeg", Bytes: plain(t, orange)})
	p.Await(asksForKey)
	other, _ := k.create("press", auth.Submit, auth.Read)
	enter(p, other)
	p.Await(showsPage)
	frontendtest.Value[bool](p, `(document.querySelector(".job .retry").click(), true)`)
	p.Await(`document.querySelectorAll(".job[data-phase=finished]").length === 2`)

	// Signing out ends it too, for the picture's link as well.
	frontendtest.Value[bool](p, `(document.querySelector("#sign-out").click(), true)`)
	p.Await(asksForKey + ` && document.activeElement.id === "key" && document.querySelector("#who").hidden`)
	until(p, `fetch(document.querySelector(".download").href).then((r) => r.status === 401)`)
}

func TestPageOfALabWithoutKeys(t *testing.T) {
	k := serveKeyed(t)
	p := frontendtest.Open(t.Context(), t, k.url)
	until(p, `fetch("/session").then(() => true)`)
	if shown := frontendtest.Value[bool](p, showsPage+` && document.querySelector("#who").hidden`); !shown {
		t.Error("it asks for a key")
	}
	if curl := frontendtest.Value[string](p, `document.querySelector("#terminal code").textContent`); strings.Contains(curl, "Bearer") {
		t.Errorf("the first command is %s", curl)
	}
}

// A form that a script has not taken over sends nothing into a URL.
func TestTheFormAlone(t *testing.T) {
	_, index := get(t, serve(t, &fakeLab{}, roomy)+"/")
	if !strings.Contains(index, `<form id="sign-in-form" method="post" action="/session">`) {
		t.Error("the form would be sent elsewhere, or by GET")
	}
	k := serveKeyed(t)
	key, _ := k.create("shop", auth.Read)
	resp, body := do(t, http.MethodPost, k.url+"/session", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader("key="+key))
	if resp.StatusCode != http.StatusUnauthorized || len(resp.Cookies()) > 0 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
