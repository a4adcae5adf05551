package preset_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"minilab/internal/kv"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/preset"
)

func openShelf(t *testing.T) preset.Shelf {
	t.Helper()
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return preset.Shelf{Store: s}
}

func TestEveryAddedVersionIsTheNext(t *testing.T) {
	s := openShelf(t)
	if err := s.Set(t.Context(), preset.Name{Base: "p-other", Version: 70}, []byte("flip")); err != nil {
		t.Fatal(err)
	}
	const adders, each = 4, 2 // at most adders-1 others come between, fewer than the tries
	versions := make(chan int, adders*each)
	var all sync.WaitGroup
	for i := range adders {
		all.Go(func() {
			for range each {
				n, err := s.Add(t.Context(), "p", fmt.Append(nil, i))
				if err != nil || n.Base != "p" {
					t.Errorf("Add: %v, %v", n, err)
				}
				versions <- n.Version
			}
		})
	}
	all.Wait()
	close(versions)
	var got []int
	for v := range versions {
		got = append(got, v)
	}
	slices.Sort(got)
	if !slices.Equal(got, []int{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("the versions are %v", got)
	}
}

func TestShelf(t *testing.T) {
	s := openShelf(t)
	name := preset.Name{Base: "p"}
	if _, _, err := s.Find(t.Context(), name); !errors.Is(err, preset.ErrNotFound) {
		t.Errorf("Find: %v", err)
	}
	if err := s.Delete(t.Context(), name); !errors.Is(err, preset.ErrNotFound) {
		t.Errorf("Delete: %v", err)
	}
	for i := range kv.MaxPage + 5 { // more than one page
		if err := s.Set(t.Context(), preset.Name{Base: "p", Version: i + 1}, fmt.Append(nil, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	found, value, err := s.Find(t.Context(), name)
	if err != nil || found.String() != "p@1005" || value != "1005" {
		t.Errorf("p means %s, %q, %v", found, value, err)
	}
	if all, err := s.All(t.Context(), "p"); err != nil || len(all) != kv.MaxPage+5 {
		t.Errorf("there are %d presets, %v", len(all), err)
	}
	if err := s.Delete(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if found, _, err := s.Find(t.Context(), name); err != nil || found.String() != "p@1004" {
		t.Errorf("p means %s, %v", found, err)
	}
}
