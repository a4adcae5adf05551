package filestorage

import (
	"strings"
	"testing"

	"minilab/internal/storage"
)

func TestFileName(t *testing.T) {
	long := strings.Repeat("a", 201)
	for key, want := range map[string]string{
		"0198c0de-7a11-7000-8000-5ca1ab1e0001.3.small": "0198c0de-7a11-7000-8000-5ca1ab1e0001.3.small",
		"a_b":       "a_b",
		".":         "%2e",
		"..":        "%2e.",
		".tmp-1":    "%2etmp-1",
		"../x":      "%2e.%2fx",
		"Photo.JPG": "%50hoto.%4a%50%47",
		"é":         "%c3%a9",
		"100%":      "100%25",
		"~":         "%7e",
		"\n":        "%0a",
		long[1:]:    long[1:],
	} {
		got := fileName(key)
		if got != want {
			t.Errorf("fileName(%q) = %q, want %q", key, got, want)
		}
		if back, ok := keyOf(got); back != key || !ok {
			t.Errorf("keyOf(%q) = %q, %v", got, back, ok)
		}
	}
}

func TestFileNameOfLongKey(t *testing.T) {
	got := fileName(strings.Repeat("a", 201))
	if !isHash(got) || len(got) != 65 || got == fileName(strings.Repeat("a", 202)) {
		t.Errorf("fileName of a long key is %q", got)
	}
}

func TestNamesOfNoKey(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", ".tmp-1", "Photo.jpg", "a b", "%2E", "%2e%2e", "%61", "%", "%2", "%zz", "%00", "%ff", "~", "a~", "~" + strings.Repeat("g", 64), "é",
		strings.Repeat("a", 201), "~" + strings.Repeat("0", 64),
	} {
		if key, ok := keyOf(name); ok {
			t.Errorf("keyOf(%q) = %q", name, key)
		}
	}
}

// FuzzFileName checks that names are safe everywhere and lead back to their
// keys, so that no two keys share one.
func FuzzFileName(f *testing.F) {
	for _, key := range []string{"a", "A", "..", "a/b", "%41", "é", "\x01"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		name := fileName(key)
		if strings.ToLower(name) != name || strings.ContainsAny(name, "/\x00 \n") || strings.HasPrefix(name, ".") || len(name) > maxName {
			t.Errorf("fileName(%q) = %q", key, name)
		}
		if storage.CheckKey(key) == nil && !isImage(name) {
			t.Errorf("%q, the name of %q, is no cursor and not in any listing", name, key)
		}
		if back, ok := keyOf(name); ok && back != key {
			t.Errorf("%q is the name of %q and of %q", name, key, back)
		}
	})
}
