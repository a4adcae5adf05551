package frontend_test

import (
	"strings"
	"testing"

	"minilab/internal/frontend/frontendtest"
)

// The page of the API shows its description, and asks nobody but this server
// for anything.
func TestDocsPage(t *testing.T) {
	url := serve(t, &fakeLab{}, roomy)
	p := frontendtest.OpenUntil(t.Context(), t, url+"/docs", "#reference h1")
	p.Await(`document.body.innerText.includes("/api/v1/")`)
	p.Await(`document.body.innerText.includes("Bearer Token")`) // where a key goes
	order := frontendtest.Value[bool](p, `/Tasks[^]*Images[^]*Operations[^]*Presets[^]*Webhooks[^]*Links[^]*Keys[^]*Lab[^]*Models/.test(document.querySelector("aside, nav").innerText)`)
	if !order {
		t.Errorf("the chapters are %s", p.Text("aside, nav"))
	}
	asked := frontendtest.Value[[]string](p, `performance.getEntriesByType("resource").map(e => e.name)`)
	if len(asked) < 3 {
		t.Errorf("the page has asked for %v", asked)
	}
	for _, address := range asked {
		if !strings.HasPrefix(address, url+"/") && !strings.HasPrefix(address, "data:") && !strings.HasPrefix(address, "blob:") {
			t.Errorf("the page asks for %s", address)
		}
	}
}
