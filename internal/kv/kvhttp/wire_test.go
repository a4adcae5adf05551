package kvhttp

import "testing"

func TestPathsOfKeysHaveNothingToTidyUp(t *testing.T) {
	for key, want := range map[string]string{
		"a/b":      "/kv/a/b",
		"a/":       "/kv/a%2F",
		"/":        "/kv/%2F",
		"//":       "/kv/%2F%2F",
		"/a":       "/kv/%2Fa",
		"a//b":     "/kv/a/%2Fb",
		"a/../b":   "/kv/a/%2E%2E/b",
		".":        "/kv/%2E",
		".a":       "/kv/.a",
		"50% ?#":   "/kv/50%25%20%3F%23",
		"a\x00\n":  "/kv/a%00%0A",
		"a%2Fb;c=": "/kv/a%252Fb%3Bc=",
	} {
		if got := keyPath(key); got != want {
			t.Errorf("%q is at %s, want %s", key, got, want)
		}
	}
}
