package sqlitekv_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"minilab/internal/kv"
	"minilab/internal/kv/kvtest"
	"minilab/internal/kv/sqlitekv"
)

// kept is how many changes the stores of these tests keep: more than a case of
// the suite makes, few enough to make them on purpose.
const kept = 1500

func TestStore(t *testing.T) {
	kvtest.Run(t, create, kvtest.Options{Reopen: reopen, Compact: compact})
}

// file is a store that knows where it is.
type file struct {
	*sqlitekv.Store
	path string
}

func create(t *testing.T) kv.Store {
	return open(t, filepath.Join(t.TempDir(), "kv.db"))
}

func open(t *testing.T, path string) file {
	t.Helper()
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: path, Events: kept})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return file{s, path}
}

func reopen(t *testing.T, s kv.Store) kv.Store {
	t.Helper()
	old := s.(file)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, old.path)
}

func compact(t *testing.T, s kv.Store) {
	t.Helper()
	for i := range kept {
		if _, _, err := s.Put(t.Context(), fmt.Sprintf("compact/%d", i%10), nil, kv.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}
