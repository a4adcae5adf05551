package sqlitekv

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/kv"
	"minilab/internal/sqlitedb"
)

// The sweeper cannot remove a key while the writer is held up; readers must
// not see it all the same.
func TestAnExpiredKeyIsInvisibleAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "kv.db")})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for key, ttl := range map[string]time.Duration{"gone": time.Second, "stays": time.Hour} {
			if _, _, err := s.Put(t.Context(), key, nil, kv.PutOptions{TTL: ttl}); err != nil {
				t.Fatal(err)
			}
		}
		release := make(chan struct{})
		var held sync.WaitGroup
		held.Go(func() {
			err := s.db.Write(t.Context(), func(*sqlitedb.Tx) error { <-release; return nil })
			if err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second) // of the bubble's clock
		if e, err := s.Get(t.Context(), "gone"); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("get: %+v, %v", e, err)
		}
		page, err := s.List(t.Context(), "", "", 0)
		if err != nil || len(page.Entries) != 1 || page.Entries[0].Key != "stays" {
			t.Errorf("list: %+v, %v", page, err)
		}
		if got := s.feed.last(); got != 2 {
			t.Errorf("the key was removed: revision %d", got)
		}
		close(release)
		held.Wait()
	})
}
