package httpx_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"minilab/internal/httpx"
)

func TestHosts(t *testing.T) {
	hosts := httpx.HostsOf("https://Lab.Example.org/", "", "http://10.1.2.3:80")
	for host, known := range map[string]bool{
		"": true, "localhost": true, "LOCALHOST:8080": true, "localhost.": true, "a.localhost:1": true,
		"127.0.0.1": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "10.1.2.3:8080": true, "192.168.0.9": true,
		"lab.example.org": true, "LAB.example.org.:443": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
		"evillocalhost": false, "lab.example.org.evil": false, "example.org": false, "127.0.0.1@evil.example": false, "127.1": false, "2130706433": false, "kv": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host = host
		if err := hosts.Check(r); (err == nil) != known || err != nil && !errors.Is(err, httpx.ErrUnknownHost) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestFromPage(t *testing.T) {
	for name, c := range map[string]struct {
		method  string
		header  http.Header
		refused bool
	}{
		"a program":                 {http.MethodPost, nil, false},
		"the address line":          {http.MethodGet, http.Header{"Sec-Fetch-Site": {"none"}}, false},
		"its own page":              {http.MethodPost, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://example.com"}}, false},
		"a picture in another page": {http.MethodGet, http.Header{"Sec-Fetch-Site": {"cross-site"}}, true},
		"a form of another page":    {http.MethodPost, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"http://evil.example"}}, true},
		"a page at another port":    {http.MethodPost, http.Header{"Sec-Fetch-Site": {"same-site"}}, true},
		"a browser of yesterday":    {http.MethodPost, http.Header{"Origin": {"http://evil.example"}}, true},
		"a page in a sandbox":       {http.MethodPut, http.Header{"Origin": {"null"}}, true},
	} {
		r := httptest.NewRequest(c.method, "/", http.NoBody)
		r.Header = c.header
		if err := httpx.FromPage(r); (err != nil) != c.refused || err != nil && !errors.Is(err, httpx.ErrCrossOrigin) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
