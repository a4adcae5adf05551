package kvcheck_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/kv/kvcheck"
	"minilab/internal/kv/kvtest"
	"minilab/internal/kv/sqlitekv"
)

var errOwn = fault.New(fault.Invalid, "own", "a fault of the check's own")

func open(t *testing.T) kv.Store {
	t.Helper()
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return kvcheck.New(s, map[string]kvcheck.Check{
		"checked/": func(_ context.Context, name string, value []byte) error {
			switch string(value) {
			case "good":
				return nil
			case "own":
				return errOwn.Detailf("%s is not to be", name)
			}
			return errors.New(name + " must be good")
		},
	})
}

func TestStore(t *testing.T) {
	kvtest.Run(t, open, kvtest.Options{})
}

func TestOnlyWhatIsGoodIsWritten(t *testing.T) {
	s := open(t)
	for key, want := range map[string]struct {
		value string
		err   error
		text  string
	}{
		"checked/a":                           {"good", nil, ""},
		"checked/b":                           {"bad", kvcheck.ErrRefused, "b must be good"},
		"checked/":                            {"own", errOwn, " is not to be"},
		"checked/c/d":                         {"own", errOwn, "c/d is not to be"},
		"checked":                             {"bad", nil, ""},
		"elsewhere/checked/b":                 {"bad", nil, ""},
		"checked/" + strings.Repeat("x", 512): {"bad", kv.ErrKey, "at most 512 bytes"},
	} {
		_, _, err := s.Put(t.Context(), key, []byte(want.value), kv.PutOptions{})
		if !errors.Is(err, want.err) || err != nil && !strings.Contains(err.Error(), want.text) {
			t.Errorf("%.20s: %v", key, err)
		}
		if want.err == nil {
			continue
		}
		if _, err := s.Get(t.Context(), key); err == nil {
			t.Errorf("%.20s was written", key)
		}
	}
}

func TestWhatIsThereStaysWhenItsSuccessorIsRefused(t *testing.T) {
	s := open(t)
	e, _, err := s.Put(t.Context(), "checked/a", []byte("good"), kv.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Put(t.Context(), "checked/a", []byte("bad"), kv.PutOptions{IfMatch: e.Revision}); !errors.Is(err, kvcheck.ErrRefused) {
		t.Errorf("Put: %v", err)
	}
	if got, err := s.Get(t.Context(), "checked/a"); err != nil || string(got.Value) != "good" || got.Revision != e.Revision {
		t.Errorf("there is %+v, %v", got, err)
	}
}
