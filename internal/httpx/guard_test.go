package httpx_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/httpx"
)

// TestGuard: it is asked before any route, and before a byte of a body is waited
// for; what it lets through is routed as ever.
func TestGuard(t *testing.T) {
	refused := fault.New(fault.Unauthorized, "no", "no")
	_, addr := serve(t, func(rt *httpx.Router) {
		rt.Guard(func(w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("Open") == "sesame" {
				return nil
			}
			w.Header().Set("WWW-Authenticate", "Open")
			return refused
		})
		rt.Handle("POST /a/{b}", func(w http.ResponseWriter, _ *http.Request) error { return httpx.WriteJSON(w, http.StatusOK, "in") })
	})
	const body = "Content-Length: 1000000\r\n"
	for request, want := range map[string]struct {
		status int
		text   string
	}{
		"POST /a/b HTTP/1.1\r\nHost: x\r\n" + body:                               {401, `"code":"no"`},
		"POST /a/b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + body:       {401, `"code":"no"`},
		"POST /a/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n":        {401, `"code":"no"`},
		"GET /nowhere HTTP/1.1\r\nHost: x\r\n":                                   {401, `"code":"no"`},
		"DELETE /a/b HTTP/1.1\r\nHost: x\r\n":                                    {401, `"code":"no"`},
		"BREW /a/b HTTP/1.1\r\nHost: x\r\n":                                      {401, `"code":"no"`},
		"POST /a/b HTTP/1.1\r\nHost: x\r\nOpen: sesame\r\nContent-Length: 0\r\n": {200, "in"},
		"GET /nowhere HTTP/1.1\r\nHost: x\r\nOpen: sesame\r\n":                   {404, "no-route"},
		"DELETE /a/b HTTP/1.1\r\nHost: x\r\nOpen: sesame\r\n":                    {405, "method-not-allowed"},
	} {
		if status, text := raw(t, addr, request+"\r\n"); status != want.status || !strings.Contains(text, want.text) {
			t.Errorf("%q: %d %s, want %d %s", request, status, text, want.status, want.text)
		}
	}
}

func TestRoutes(t *testing.T) {
	rt := httpx.NewRouter(nil)
	rt.Handle("GET|HEAD /a/{b}/*", nil)
	rt.Handle("POST /c", nil)
	got := rt.Routes()
	slices.Sort(got)
	if want := []string{"GET /a/{b}/*", "HEAD /a/{b}/*", "POST /c"}; !slices.Equal(got, want) {
		t.Errorf("the routes are %q, want %q", got, want)
	}
}
