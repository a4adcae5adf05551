package taskdb_test

import (
	"testing"

	"minilab/internal/taskdb"
)

func TestResultKeysAreReadBack(t *testing.T) {
	for _, output := range []string{"", "small", "a.b", "1", ".", "ü/…"} {
		want := taskdb.Task{ID: "0198c0de-7a11", Token: 12}
		key := taskdb.ResultKey(want, output)
		if id, token, ok := taskdb.ParseResultKey(key); !ok || id != want.ID || token != want.Token {
			t.Errorf("%q is read as %q, %d, %v", key, id, token, ok)
		}
	}
}

func TestOtherKeysAreNoResults(t *testing.T) {
	for _, key := range []string{
		"", ".", "a", "a.", ".1", "a.0", "a.-1", "a.+1", "a.01", "a.x", "a.1.", "A.1", "a b.1", "finished.1", "a.1x.y", "a.9223372036854775808",
	} {
		if id, token, ok := taskdb.ParseResultKey(key); ok {
			t.Errorf("%q is read as %q, %d", key, id, token)
		}
	}
}
