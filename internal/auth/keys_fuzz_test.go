package auth_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"minilab/internal/auth"
)

// FuzzKey shows keys that are none: they are refused without a look-up, for the
// checksum of what is made by chance is wrong.
func FuzzKey(f *testing.F) {
	s := open(f)
	text, _ := create(f, s, time.Time{})
	k := synced(f, follow(f, s))
	for _, seed := range []string{"", "ml_", text[:47], text + "0", "ml_aaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaa00000000", "ml__", "ml_aaaaaaaaaa_\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, shown string) {
		p, err := k.Check(t.Context(), shown)
		if shown != text && !isNobody(p, err) {
			t.Errorf("%q: %+v, %v", shown, p, err)
		}
	})
}

// FuzzEntry: what is taken for a key is one, and stays the same.
func FuzzEntry(f *testing.F) {
	s := open(f)
	_, made := create(f, s, time.Now().Add(time.Hour))
	e, err := s.Get(f.Context(), "keys/"+made.ID)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.Value)
	f.Add([]byte(`{"owner":"a","scopes":["read"],"hash":"` + string(make([]byte, 64)) + `"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		err := auth.CheckEntry(made.ID, value)
		if err != nil {
			if !errors.Is(err, auth.ErrInvalidKey) {
				t.Error(err)
			}
			return
		}
		var k auth.Key
		if err := json.Unmarshal(value, &k); err != nil || auth.CheckOwner(k.Owner) != nil || len(k.Scopes) == 0 || len(k.Scopes) > 3 || k.Hash == (auth.Digest{}) {
			t.Errorf("%s is taken for %+v, %v", value, k, err)
		}
	})
}
