package mesh

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkCheck is what a service does for each call, with a token that it has
// seen and with a new one.
func BenchmarkCheck(b *testing.B) {
	m, err := Join(secretFile(b, secretA), "kv", nil)
	ok(b, err)
	text, err := m.token("kv")
	ok(b, err)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/kv/a", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+text)
	guard := m.Guard("kv")
	b.Run("seen", func(b *testing.B) {
		for b.Loop() {
			ok(b, guard(nil, r))
		}
	})
	b.Run("new", func(b *testing.B) {
		tokens := m.checker("kv")
		for b.Loop() {
			tokens.known.list = nil
			_, err := tokens.check("Bearer " + text)
			ok(b, err)
		}
	})
}

// BenchmarkSign is what a caller does for each call.
func BenchmarkSign(b *testing.B) {
	m, err := Join(secretFile(b, secretA), "master", nil)
	ok(b, err)
	rt := m.Transport(roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Request: r}, nil
	}))
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://kv/kv/a", http.NoBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rt.RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMake is what a caller does each half minute.
func BenchmarkMake(b *testing.B) {
	m, err := Join(secretFile(b, secretA), "master", nil)
	ok(b, err)
	for b.Loop() {
		if _, err := m.signed(m.secret.keys.Load(), Service, lifetime, "kv"); err != nil {
			b.Fatal(err)
		}
	}
}
