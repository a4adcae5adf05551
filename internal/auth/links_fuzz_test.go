package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"minilab/internal/auth"
)

// FuzzLink: whatever is asked, only what was signed lets somebody in.
func FuzzLink(f *testing.F) {
	s := open(f)
	l := auth.NewLinks(s, synced(f, follow(f, s)))
	signed, err := l.Sign(f.Context(), auth.Public(), download())
	if err != nil {
		f.Fatal(err)
	}
	good, err := url.Parse(signed)
	if err != nil {
		f.Fatal(err)
	}
	token := good.Query().Get(auth.LinkParameter)
	for _, query := range []string{good.RawQuery, "link=" + token, "link=a.b.c", "link=..", "link=%", "download=&x=2&x=1&link=" + token + "&link=" + token, "x=1;link=" + token} {
		f.Add(http.MethodGet, good.EscapedPath(), query)
		f.Add(http.MethodPost, "/api/v1/tasks", query)
	}
	f.Fuzz(func(t *testing.T, method, path, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method = method
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		u.RawQuery = query
		r.URL = u
		p, err := l.Principal(r)
		same := u.EscapedPath() == good.EscapedPath() && u.Query().Encode() == download().Query.Encode() && (method == http.MethodGet || method == http.MethodHead)
		if (err == nil || p.Owner != "") && !same {
			t.Errorf("%s %s?%s lets %+v in", method, path, query, p)
		}
	})
}
