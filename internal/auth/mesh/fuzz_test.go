package mesh

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzGuard: whatever a stranger sends, it is not let in.
func FuzzGuard(f *testing.F) {
	c := newClock()
	m := member(f, secretFile(f, secretA), "kv", c)
	good, err := m.token("kv")
	ok(f, err)
	stranger, err := member(f, secretFile(f, secretB), "kv", c).token("kv")
	ok(f, err)
	parts := strings.Split(stranger, ".")
	for _, seed := range []string{
		"", "Bearer ", "Bearer " + stranger, "bearer " + good, "Bearer " + good + " ", "Bearer " + good + "\n", "Bearer " + parts[0] + "." + parts[1] + ".",
		"Bearer eyJhbGciOiJub25lIn0." + parts[1] + ".", "Bearer " + strings.Join(strings.Split(good, ".")[:2], ".") + "." + parts[2],
		"Bearer " + parts[0] + ".eyJleHAiOjFlNDAwfQ." + parts[2], "Bearer ..", "Bearer ....", "Basic Og==",
	} {
		f.Add(seed, "/kv/a")
	}
	f.Add("", "/livez/../kv/a")
	guard := m.Guard("kv")
	f.Fuzz(func(t *testing.T, header, path string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		r.URL.Path = path
		r.Header["Authorization"] = []string{header}
		err := guard(httptest.NewRecorder(), r)
		if header == "Bearer "+good {
			return
		}
		if !errors.Is(err, ErrUnauthorized) {
			t.Errorf("%q is let in to %q: %v", header, path, err)
		}
	})
}
