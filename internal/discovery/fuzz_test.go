package discovery

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"minilab/internal/kv"
)

// FuzzRegistration: what a service registers is what others see, and of what
// anybody else may have written only what can be called is taken over.
func FuzzRegistration(f *testing.F) {
	f.Add("services/master/a", []byte(`{"url":"http://10.0.0.7:8084","version":"1"}`), "http://[::1]:80")
	f.Add("services/worker/b", []byte(`{"version":"1"}`), "")
	f.Add("services//", []byte(`{"url":"http://user:secret@h"}`), "http://h/path")
	f.Add("services/a/b/c", []byte(`{"url":"file:///etc/passwd"}`), "http://h?x#y")
	f.Add("services/a", []byte(`{"url":"http://h:99999"}`), "http://h:port")
	f.Add("services/a/b", []byte(`{"url":"http://h:"}`), "http://[::1]:")
	f.Fuzz(func(t *testing.T, key string, value []byte, base string) {
		if i, ok := parse(kv.Entry{Key: key, Value: value}); ok {
			callableBase(t, i.URL)
			if strings.HasPrefix(key, prefix) && i.key() != key {
				t.Errorf("%q is taken for %+v", key, i)
			}
		}
		service, id, found := strings.Cut(strings.TrimPrefix(key, prefix), "/")
		if !found || !callable(base) || !utf8.ValidString(base) || !utf8.ValidString(key) || len(base)+len(key) > maxRegistration/8 {
			return
		}
		want := Instance{Service: service, ID: id, URL: base, Version: key}
		data, err := json.Marshal(want)
		if got, ok := parse(kv.Entry{Key: want.key(), Value: data}); err != nil || !ok || got != want {
			t.Errorf("%+v is seen as %+v, %v, %v", want, got, ok, err)
		}
	})
}

// callableBase: paths can be put behind it, and lead to that very host.
func callableBase(t *testing.T, base string) {
	if base == "" {
		return
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%q: %v", base, err)
	}
	r, err := http.NewRequest(http.MethodGet, base+"/livez?verbose", nil)
	host := strings.TrimSuffix(u.Host, ":") // an empty port is none
	if err != nil || r.URL.Host != host || r.URL.Path != "/livez" || r.URL.RawQuery != "verbose" || r.URL.Fragment != "" || r.URL.User != nil {
		t.Errorf("a call of %q goes to %v, %v", base, r, err)
	}
}
